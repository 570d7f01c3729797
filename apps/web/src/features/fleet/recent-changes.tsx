import type { ContainerEvent } from '@muster/contracts';
import { EventRow } from '../events/event-row';

/** Number of events in the list. */
export const EVENTS_SHOWN_MAX = 14;

/** The most recent events of all hosts. */
export function RecentChanges({ events }: { events: readonly ContainerEvent[] }) {
  return (
    <section className="card recent-changes" aria-labelledby="recent-changes-title">
      <h2 id="recent-changes-title" className="card-title">
        Recent changes
      </h2>
      {events.length === 0 && <p className="soft">No changes in the last hour</p>}
      <ol className="events">
        {events.slice(0, EVENTS_SHOWN_MAX).map((event) => (
          <li key={event.id}>
            <EventRow event={event} omittedParts={['values']} />
          </li>
        ))}
      </ol>
    </section>
  );
}
