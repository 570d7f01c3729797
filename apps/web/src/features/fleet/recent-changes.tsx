import { Link } from '@tanstack/react-router';
import { EventRow } from '../events/event-row';
import { useHostLabel } from './host-label-context';
import type { RecentEvents } from './recent-events';

/** Number of events in the list. */
export const EVENTS_SHOWN_MAX = 14;

/** The most recent events of the hosts. */
export function RecentChanges({ recentEvents: { events, isLoaded } }: { recentEvents: RecentEvents }) {
  const hostLabel = useHostLabel();
  return (
    <section className="card recent-changes" aria-labelledby="recent-changes-title">
      <h2 id="recent-changes-title" className="card-title">
        Recent changes
      </h2>
      {isLoaded && events.length === 0 && <p className="soft">No container changes in the last hour</p>}
      <ol className="events">
        {events.slice(0, EVENTS_SHOWN_MAX).map((event) => (
          <li key={event.id}>
            <EventRow event={event} omittedParts={['values']} />
          </li>
        ))}
      </ol>
      <p className="fleet-foot soft">
        <Link to="/events" search={{ hostLabel }}>
          All events
        </Link>
      </p>
    </section>
  );
}
