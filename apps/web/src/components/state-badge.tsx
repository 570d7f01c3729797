import type { ContainerView, Freshness } from '@muster/contracts';
import { StateIcon } from './state-icons';
import { FRESHNESS, containerStatus, isCurrent, type StatusFields } from '../lib/container-status';
import { toPlainText } from '../lib/plain-text';
import { IsolatedText } from './isolated-text';
import { Age } from './time';

/**
 * A container's state as an icon and a word. A state that is not current is gray and shown with its age. If the age is
 * unknown, the state is marked as last known instead. Only screen readers get both the age and the mark, because a
 * column is too narrow.
 */
export function StateBadge({ container }: { container: StatusFields & Pick<ContainerView, 'asOf'> }) {
  const { icon, label, isCurrent: isStateCurrent } = containerStatus(container);
  const hasAge = !isStateCurrent && container.asOf !== null;
  return (
    <span className={isStateCurrent ? 'state' : 'state is-stale'}>
      <StateIcon icon={icon} />
      <span className="state-words" title={toPlainText(label)}>
        <IsolatedText text={label} />
        {!isStateCurrent && <span className={hasAge ? 'visually-hidden' : undefined}> (last known)</span>}
      </span>
      {hasAge && (
        <span className="as-of">
          as of <Age at={container.asOf} />
        </span>
      )}
    </span>
  );
}

const FRESHNESS_ICONS = {
  online: 'running',
  stale: 'starting',
  offline: 'dead',
  never: 'created',
  engine_down: 'unhealthy',
  left: 'removed',
} as const;

/** A host's freshness as an icon and a word, with a tooltip that explains the freshness. */
export function FreshnessBadge({ freshness, since }: { freshness: Freshness; since?: string | null }) {
  const { label, meaning } = FRESHNESS[freshness];
  return (
    <span className={`freshness freshness-${freshness}`} title={meaning}>
      <StateIcon icon={FRESHNESS_ICONS[freshness]} />
      <span>{label}</span>
      {!isCurrent(freshness) && since !== undefined && since !== null && (
        <span className="as-of">
          as of <Age at={since} />
        </span>
      )}
    </span>
  );
}
