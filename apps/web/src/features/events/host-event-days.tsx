import type { HostEvent } from '@muster/contracts';
import { HostLink } from '../../components/host-name';
import { IsolatedText } from '../../components/isolated-text';
import { StateIcon } from '../../components/state-icons';
import { Age } from '../../components/time';
import { hostEventWords } from '../../lib/format-host-event';
import { formatDay } from '../../lib/format-time';
import { groupBy } from '../../lib/group-by';
import { EventChange } from './event-row';

const dayOf = ({ at }: HostEvent): string => formatDay(new Date(at));

/** Events of hosts, grouped by day in local time. The level of the headings depends on `parent`. */
export function HostEventDays({
  events,
  showsHost = false,
  parent,
}: {
  events: readonly HostEvent[];
  showsHost?: boolean;
  parent: 'page' | 'section';
}) {
  const Title = parent === 'page' ? 'h2' : 'h3';
  return [...groupBy(events, dayOf)].map(([day, items]) => (
    <section key={day} className="day">
      <Title className="day-title">{day}</Title>
      <ol className="events card">
        {items.map((event) => (
          <li key={event.id}>
            <HostEventRow event={event} showsHost={showsHost} />
          </li>
        ))}
      </ol>
    </section>
  ));
}

/** A row with one event of a host: the host, what happened, the values before and after, and the age. */
function HostEventRow({ event, showsHost }: { event: HostEvent; showsHost: boolean }) {
  const { icon, label, change, detail } = hostEventWords(event);
  return (
    <div className="event">
      <StateIcon icon={icon} />
      <div className="event-words">
        <span className="event-what">
          {showsHost && (
            <>
              <HostLink id={event.hostId} name={event.hostName} />{' '}
            </>
          )}
          {label}
        </span>
        {change !== undefined && <EventChange before={change.before} after={change.after} />}
        {detail !== undefined && (
          <span className="soft event-detail">
            <IsolatedText text={detail} />
          </span>
        )}
      </div>
      <div className="event-where soft">
        <Age at={event.at} />
      </div>
    </div>
  );
}
