import type { ContainerEvent, HistoryEntry } from '@muster/contracts';
import { mergeReplacements } from '@muster/contracts/replacements';
import { EventRow, type OmittedPart } from './event-row';
import { formatDay } from '../../lib/format-time';
import { groupBy } from '../../lib/group-by';

const dayOf = ({ event: { recordedAt } }: HistoryEntry): string => formatDay(new Date(recordedAt));

/**
 * Events grouped by day in local time. The recreation of a container is one entry. The level of the headings depends on
 * `parent`.
 */
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
  return [...groupBy(mergeReplacements(events), dayOf)].map(([day, entries]) => (
    <section key={day} className="day">
      <Title className="day-title">{day}</Title>
      <ol className="events card">
        {entries.map(({ event, replacement }) => (
          <li key={event.id}>
            <EventRow
              event={event}
              replacement={replacement}
              {...(omittedParts === undefined ? {} : { omittedParts })}
            />
          </li>
        ))}
      </ol>
    </section>
  ));
}
