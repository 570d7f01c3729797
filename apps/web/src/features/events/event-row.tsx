import type { ContainerEvent, Replacement } from '@muster/contracts';
import { Link } from '@tanstack/react-router';
import { HostLink } from '../../components/host-name';
import { IsolatedText } from '../../components/isolated-text';
import { Age } from '../../components/time';
import { StateIcon } from '../../components/state-icons';
import { eventStatus, formatEventValue, replacementStatus } from '../../lib/format-event';
import { toPlainText } from '../../lib/plain-text';

/** Kinds whose label implies the values before and after the change. */
const KINDS_WITHOUT_VALUES: ReadonlySet<ContainerEvent['kind']> = new Set([
  'created',
  'removed',
  'reappeared',
  'started',
  'unpaused',
  'looping',
]);

/** Kinds whose label is incomplete without the values before and after the change. */
const KINDS_WITH_VALUES: ReadonlySet<ContainerEvent['kind']> = new Set(['renamed', 'image_changed', 'updated']);

/**
 * The parts that a row can omit: the host, the container's name (but not its ID), and the values before and after the
 * change.
 */
export type OmittedPart = 'host' | 'name' | 'values';

/**
 * A row with one event: container, kind, values before and after, host and age. The recreation of a container shows the
 * images before and after, and the latest event.
 */
export function EventRow({
  event,
  replacement = null,
  omittedParts = [],
}: {
  event: ContainerEvent;
  replacement?: Replacement | null;
  omittedParts?: readonly OmittedPart[];
}) {
  const { icon, label } = replacement === null ? eventStatus(event) : replacementStatus(event);
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
        {replacement !== null ? (
          <ImageChange replacement={replacement} />
        ) : (
          (omittedParts.includes('values')
            ? KINDS_WITH_VALUES.has(event.kind)
            : !KINDS_WITHOUT_VALUES.has(event.kind)) && <EventChange before={event.from} after={event.to} />
        )}
      </div>
      <div className="event-where soft">
        {!omittedParts.includes('host') && <HostLink id={event.hostId} name={event.hostName} className="clip" />}
        <Age at={event.recordedAt} />
      </div>
    </div>
  );
}

/** The images of a recreation, or the only image if the recreation kept it. */
function ImageChange({ replacement: { imageBefore, imageAfter } }: { replacement: Replacement }) {
  if (imageAfter === null) return null;
  if (imageBefore !== null && imageBefore !== imageAfter)
    return <EventChange before={imageBefore} after={imageAfter} />;
  return (
    <span className="change code soft" title={toPlainText(imageAfter)}>
      <IsolatedText text={imageAfter} />
    </span>
  );
}

/** The values before and after a change. Renders nothing if they are equal. */
export function EventChange({
  before: from,
  after: to,
}: {
  before: ContainerEvent['from'];
  after: ContainerEvent['to'];
}) {
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
