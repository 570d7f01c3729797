import { Link } from '@tanstack/react-router';
import type { EventSearch } from './search';

const SUBJECTS = [
  ['container', 'Containers'],
  ['host', 'Hosts'],
] as const;

/**
 * Links that switch between the events of containers and the events of hosts. The filters by host and by host label are
 * kept.
 */
export function SubjectSwitch({ search }: { search: EventSearch }) {
  const subject = search.subject ?? 'container';
  return (
    <nav className="chips" aria-label="Events of">
      {SUBJECTS.map(([value, label]) => (
        <Link
          key={value}
          to="/events"
          search={{ hostId: search.hostId, hostLabel: search.hostLabel, subject: value === 'host' ? value : undefined }}
          className={value === subject ? 'chip chip-on' : 'chip'}
          aria-current={value === subject ? 'page' : undefined}
        >
          {label}
        </Link>
      ))}
    </nav>
  );
}
