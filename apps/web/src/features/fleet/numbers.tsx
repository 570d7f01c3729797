import type { Freshness, Summary } from '@muster/contracts';
import { Link } from '@tanstack/react-router';
import { count } from '../../lib/format-count';
import { IsolatedText } from '../../components/isolated-text';
import { FreshnessBadge } from '../../components/state-badge';
import { StateIcon } from '../../components/state-icons';
import { CURRENT_FRESHNESS, inStateOrder, LAST_KNOWN_FRESHNESS, lookOfState } from '../../lib/container-status';
import { FRESHNESS_WORDS } from './search';

/** The filters that a count links to: they select exactly the containers that the count includes. */
const NOW = { hostFreshness: [...CURRENT_FRESHNESS] };
const LAST_KNOWN = { hostFreshness: [...LAST_KNOWN_FRESHNESS] };

/**
 * The counts of hosts and containers. Containers of hosts that are not reporting are counted separately, because their
 * present state is unknown.
 */
export function Numbers({ summary: { hosts, containers } }: { summary: Summary }) {
  return (
    <section className="numbers" aria-label="Fleet summary">
      <div className="number-group">
        <h2 className="number-title">
          <Link to="/" search={{}}>
            <strong className="number">{count(hosts.total)}</strong> {hosts.total === 1 ? 'host' : 'hosts'}
          </Link>
        </h2>
        <ul className="number-parts">
          {FRESHNESS_WORDS.filter((freshness) => hosts.byFreshness[freshness] > 0).map((freshness) => (
            <li key={freshness}>
              <HostNumber freshness={freshness} of={hosts.byFreshness[freshness]} />
            </li>
          ))}
        </ul>
      </div>
      <div className="number-group">
        <h2 className="number-title">
          <Link to="/containers" search={NOW}>
            <strong className="number">{count(containers.current.total)}</strong>{' '}
            {containers.current.total === 1 ? 'container' : 'containers'}
          </Link>
        </h2>
        <StateNumbers byState={containers.current.byState} unhealthy={containers.current.byHealth['unhealthy'] ?? 0} />
      </div>
      {containers.lastKnown.total > 0 && (
        <div className="number-group is-stale">
          <h2 className="number-title" title="On hosts that are stale or offline, have left, or whose engine is down.">
            <Link to="/containers" search={LAST_KNOWN}>
              <strong className="number">{count(containers.lastKnown.total)}</strong> last known
            </Link>
          </h2>
          <p className="number-note">On hosts that stopped reporting; not counted above.</p>
        </div>
      )}
    </section>
  );
}

function HostNumber({ freshness, of }: { freshness: Freshness; of: number }) {
  return (
    <Link to="/" search={{ freshness }} className="number-part">
      <strong className="number">{count(of)}</strong>
      <FreshnessBadge freshness={freshness} />
    </Link>
  );
}

function StateNumbers({ byState, unhealthy }: { byState: Readonly<Record<string, number>>; unhealthy: number }) {
  return (
    <ul className="number-parts">
      {inStateOrder(byState).map(([state, of]) => (
        <li key={state}>
          <Link to="/containers" search={{ ...NOW, state: [state] }} className="number-part">
            <strong className="number">{count(of)}</strong>
            <span className="state">
              <StateIcon look={lookOfState(state)} />
              <IsolatedText text={state} />
            </span>
          </Link>
        </li>
      ))}
      {unhealthy > 0 && (
        <li>
          <Link to="/containers" search={{ ...NOW, health: ['unhealthy'] }} className="number-part">
            <span className="soft">of which</span>
            <strong className="number">{count(unhealthy)}</strong>
            <span className="state">
              <StateIcon look="unhealthy" />
              unhealthy
            </span>
          </Link>
        </li>
      )}
    </ul>
  );
}
