import type { ContainerView, Freshness } from '@muster/contracts';
import { StateIcon } from './state-icons';
import { FRESHNESS, glance, isCurrent } from '../lib/container-status';
import { IsolatedText } from './isolated-text';
import { Age } from './time';

type Told = Pick<ContainerView, 'state' | 'health' | 'exitCode' | 'hostFreshness' | 'removedAt' | 'asOf'>;

/** A container's state as an icon and a word. A state that is not current is gray and marked as last known. */
export function StateBadge({ container }: { container: Told }) {
  const { look, words, isCurrent: current } = glance(container);
  return (
    <span className={current ? 'state' : 'state is-stale'}>
      <StateIcon look={look} />
      <span>
        <IsolatedText text={words} />
        {!current && ' (last known)'}
      </span>
      {!current && container.asOf !== null && (
        <span className="as-of">
          as of <Age at={container.asOf} />
        </span>
      )}
    </span>
  );
}

const FRESHNESS_LOOKS = {
  online: 'running',
  stale: 'starting',
  offline: 'dead',
  never: 'created',
  engine_down: 'unhealthy',
  left: 'removed',
} as const;

/** A host's freshness as an icon and a word, with its meaning as a tooltip. */
export function FreshnessBadge({ freshness, since }: { freshness: Freshness; since?: string | null }) {
  const { words, meaning } = FRESHNESS[freshness];
  return (
    <span className={`freshness freshness-${freshness}`} title={meaning}>
      <StateIcon look={FRESHNESS_LOOKS[freshness]} />
      <span>{words}</span>
      {!isCurrent(freshness) && since !== undefined && since !== null && (
        <span className="as-of">
          as of <Age at={since} />
        </span>
      )}
    </span>
  );
}
