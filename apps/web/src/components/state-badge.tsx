import type { ContainerView, Freshness } from '@muster/contracts';
import { StateIcon } from './state-icons';
import { FRESHNESS, containerStatus, isCurrent } from '../lib/container-status';
import { IsolatedText } from './isolated-text';
import { Age } from './time';

type StatusFields = Pick<ContainerView, 'state' | 'health' | 'exitCode' | 'hostFreshness' | 'removedAt' | 'asOf'>;

/** A container's state as an icon and a word. A state that is not current is gray and marked as last known. */
export function StateBadge({ container }: { container: StatusFields }) {
  const { icon, label, isCurrent: isStateCurrent } = containerStatus(container);
  return (
    <span className={isStateCurrent ? 'state' : 'state is-stale'}>
      <StateIcon icon={icon} />
      <span>
        <IsolatedText text={label} />
        {!isStateCurrent && ' (last known)'}
      </span>
      {!isStateCurrent && container.asOf !== null && (
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
