import type { ContainerEvent } from '@muster/contracts';
import { Link } from '@tanstack/react-router';
import { IsolatedText } from '../../components/isolated-text';
import { Age } from '../../components/time';
import { StateIcon } from '../../components/state-icons';
import { eventGlance, side } from '../../lib/format-event';
import { toPlainText } from '../../lib/plain-text';

/** Kinds that say by their word alone what there was before and after. */
const SAYS_IT_ALL: ReadonlySet<ContainerEvent['kind']> = new Set([
  'created',
  'removed',
  'reappeared',
  'started',
  'unpaused',
]);

/** Kinds whose word is half of it without what there was before and after. */
const NEEDS_SIDES: ReadonlySet<ContainerEvent['kind']> = new Set(['renamed', 'image_changed', 'updated']);

/** What is left out of a row, because it stands above it or there is no room: its host, its container's name (not its id), from and to. */
export type Leaves = 'host' | 'name' | 'sides';

/** One change in a row: what happened, to which container, where, from what to what, when. */
export function EventRow({ event, without = [] }: { event: ContainerEvent; without?: readonly Leaves[] }) {
  const { look, words } = eventGlance(event);
  return (
    <div className="event">
      <StateIcon look={look} />
      <div className="event-words">
        <span className="event-what">
          {!without.includes('name') && (
            <Link to="/hosts/$hostId/containers/$dockerId" params={{ hostId: event.hostId, dockerId: event.dockerId }}>
              <IsolatedText text={event.name} />
            </Link>
          )}{' '}
          {words}
        </span>
        {without.includes('name') && (
          <Link
            to="/hosts/$hostId/containers/$dockerId"
            params={{ hostId: event.hostId, dockerId: event.dockerId }}
            className="event-id code"
            title="The container that this happened to"
          >
            {event.dockerId.slice(0, 12)}
          </Link>
        )}
        {(without.includes('sides') ? NEEDS_SIDES.has(event.kind) : !SAYS_IT_ALL.has(event.kind)) && (
          <Change event={event} />
        )}
      </div>
      <div className="event-where soft">
        {!without.includes('host') && (
          <Link to="/hosts/$hostId" params={{ hostId: event.hostId }} className="clip">
            <IsolatedText text={event.hostName} />
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
      <span className="change-side" title={toPlainText(before)}>
        <IsolatedText text={before} />
      </span>
      <span aria-label="to" role="img">
        {' '}
        →{' '}
      </span>
      <span className="change-side" title={toPlainText(after)}>
        <IsolatedText text={after} />
      </span>
    </span>
  );
}
