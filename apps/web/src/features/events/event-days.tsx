import type { ContainerEvent } from '@muster/contracts';
import { EventRow, type OmittedPart } from './event-row';
import { formatDay } from '../../lib/format-time';
import { groupBy } from '../../lib/group-by';

const dayOf = ({ recordedAt }: ContainerEvent): string => formatDay(new Date(recordedAt));

/** Events grouped by day in local time. The level of their headings depends on `parent`. */
export function EventDays({
  events,
  omittedParts,
  parent,
}: {
  events: readonly ContainerEvent[];
  omittedParts?: readonly OmittedPart[];
  parent: 'page' | 'section';
}) {
  const Title = parent === 'page' ? 'h2' : 'h3';
  return [...groupBy(events, dayOf)].map(([day, dayEvents]) => (
    <section key={day} className="day">
      <Title className="day-title">{day}</Title>
      <ol className="events card">
        {dayEvents.map((event) => (
          <li key={event.id}>
            <EventRow event={event} {...(omittedParts === undefined ? {} : { omittedParts })} />
          </li>
        ))}
      </ol>
    </section>
  ));
}
