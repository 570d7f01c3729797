import type { ContainerEvent } from '@muster/contracts';
import { Link } from '@tanstack/react-router';
import { IsolatedText } from '../../components/isolated-text';
import { Age } from '../../components/time';
import { StateIcon } from '../../components/state-icons';
import { eventStatus, formatEventValue } from '../../lib/format-event';
import { toPlainText } from '../../lib/plain-text';

/** Kinds whose label implies the values before and after the change. */
const KINDS_WITHOUT_VALUES: ReadonlySet<ContainerEvent['kind']> = new Set([
  'created',
  'removed',
  'reappeared',
  'started',
  'unpaused',
]);

/** Kinds whose label is incomplete without the values before and after the change. */
const KINDS_WITH_VALUES: ReadonlySet<ContainerEvent['kind']> = new Set(['renamed', 'image_changed', 'updated']);

/**
 * The parts that a row can omit: the host, the container's name (but not its ID), and the values before and after the
 * change.
 */
export type OmittedPart = 'host' | 'name' | 'values';

/** A row with one event: container, kind, values before and after, host and age. */
export function EventRow({
  event,
  omittedParts = [],
}: {
  event: ContainerEvent;
  omittedParts?: readonly OmittedPart[];
}) {
  const { icon, label } = eventStatus(event);
  return (
    <div className="event">
      <StateIcon icon={icon} />
      <div className="event-words">
        <span className="event-what">
          {!omittedParts.includes('name') && (
            <Link to="/hosts/$hostId/containers/$dockerId" params={{ hostId: event.hostId, dockerId: event.dockerId }}>
              <IsolatedText text={event.name} />
            </Link>
          )}{' '}
          {label}
        </span>
        {omittedParts.includes('name') && (
          <Link
            to="/hosts/$hostId/containers/$dockerId"
            params={{ hostId: event.hostId, dockerId: event.dockerId }}
            className="event-id code"
            title="View container"
          >
            {event.dockerId.slice(0, 12)}
          </Link>
        )}
        {(omittedParts.includes('values')
          ? KINDS_WITH_VALUES.has(event.kind)
          : !KINDS_WITHOUT_VALUES.has(event.kind)) && <EventChange event={event} />}
      </div>
      <div className="event-where soft">
        {!omittedParts.includes('host') && (
          <Link to="/hosts/$hostId" params={{ hostId: event.hostId }} className="clip">
            <IsolatedText text={event.hostName} />
          </Link>
        )}
        <Age at={event.recordedAt} />
      </div>
    </div>
  );
}

function EventChange({ event: { from, to } }: { event: ContainerEvent }) {
  const [before, after] = [formatEventValue(from), formatEventValue(to)];
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
