import type { ContainerEvent } from '@muster/contracts';
import { EventRow, type OmittedPart } from './event-row';
import { groupBy } from '../../lib/group-by';

const dayOf = ({ recordedAt }: ContainerEvent): string =>
  new Date(recordedAt).toLocaleDateString(undefined, { weekday: 'long', day: 'numeric', month: 'long' });

/** Events grouped by day in local time. `under` sets the level of the headings. */
export function EventDays({
  events,
  without,
  under,
}: {
  events: readonly ContainerEvent[];
  without?: readonly OmittedPart[];
  under: 'page' | 'section';
}) {
  const Title = under === 'page' ? 'h2' : 'h3';
  return [...groupBy(events, dayOf)].map(([day, ofDay]) => (
    <section key={day} className="day">
      <Title className="day-title">{day}</Title>
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
