import type { ContainerEvent } from '@muster/contracts';
import { EventRow, type Leaves } from './event-row';
import { groupBy } from '../../domain/group-by';

const dayOf = ({ recordedAt }: ContainerEvent): string =>
  new Date(recordedAt).toLocaleDateString(undefined, { weekday: 'long', day: 'numeric', month: 'long' });

/** Events under the day that they were on, in local time. */
export function EventDays({ events, without }: { events: readonly ContainerEvent[]; without?: readonly Leaves[] }) {
  return [...groupBy(events, dayOf)].map(([day, ofDay]) => (
    <section key={day} className="day">
      <h3 className="day-title">{day}</h3>
      <ol className="events card">
        {ofDay.map((event) => (
          <li key={event.id}>
            <EventRow event={event} {...(without === undefined ? {} : { without })} />
          </li>
        ))}
      </ol>
    </section>
  ));
}
