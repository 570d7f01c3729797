import type { ContainerEvent } from '@muster/contracts';
import { Link } from '@tanstack/react-router';
import { Age } from '../../components/time';
import { StateIcon } from '../../design/state-icons';
import { eventGlance, side } from '../../domain/event-words';

/** Kinds that say by their word alone what there was before and after. */
const SAYS_IT_ALL: ReadonlySet<ContainerEvent['kind']> = new Set(['created', 'removed', 'reappeared', 'started', 'unpaused']);

/** One change in a row: what happened, to which container, where, from what to what, when. */
export function EventRow({ event, showHost = true }: { event: ContainerEvent; showHost?: boolean }) {
  const { look, words } = eventGlance(event);
  return (
    <div className="event">
      <StateIcon look={look} />
      <div className="event-words">
        <span className="event-what">
          <Link to="/hosts/$hostId/containers/$dockerId" params={{ hostId: event.hostId, dockerId: event.dockerId }}>
            {event.name}
          </Link>{' '}
          {words}
        </span>
        {!SAYS_IT_ALL.has(event.kind) && <Change event={event} />}
      </div>
      <div className="event-where soft">
        {showHost && (
          <Link to="/hosts/$hostId" params={{ hostId: event.hostId }} className="clip">
            {event.hostName}
          </Link>
        )}
        <Age at={event.recordedAt} />
      </div>
    </div>
  );
}

function Change({ event: { from, to } }: { event: ContainerEvent }) {
  const [before, after] = [side(from), side(to)];
  if (before === after) return null;
  return (
    <span className="change code soft">
      <span className="change-side" title={before}>{before}</span>
      <span aria-label="to" role="img"> → </span>
      <span className="change-side" title={after}>{after}</span>
    </span>
  );
}
