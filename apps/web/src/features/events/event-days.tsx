import type { ContainerEvent } from '@muster/contracts';
import type { ReactNode } from 'react';
import { EventRow, type Leaves } from './event-row';

const dayOf = ({ recordedAt }: ContainerEvent): string =>
  new Date(recordedAt).toLocaleDateString(undefined, { weekday: 'long', day: 'numeric', month: 'long' });

/** Events under the day that they were on, in local time. `apart` stands before an event where there is something to say. */
export function EventDays({
  events,
  without,
  apart,
}: {
  events: readonly ContainerEvent[];
  without?: readonly Leaves[];
  apart?: (event: ContainerEvent, later: ContainerEvent | undefined) => ReactNode;
}) {
  return [...Map.groupBy(events, dayOf)].map(([day, ofDay]) => (
    <section key={day} className="day">
      <h3 className="day-title">{day}</h3>
      <ol className="events card">
        {ofDay.map((event, index) => (
          <li key={event.id}>
            {apart?.(event, ofDay[index - 1])}
            <EventRow event={event} {...(without === undefined ? {} : { without })} />
          </li>
        ))}
      </ol>
    </section>
  ));
}
