import type { Freshness, Summary } from '@muster/contracts';
import { Link } from '@tanstack/react-router';
import { count } from '../../lib/format-count';
import { IsolatedText } from '../../components/isolated-text';
import { FreshnessBadge } from '../../components/state-badge';
import { StateIcon } from '../../components/state-icons';
import { CURRENT_FRESHNESS, inStateOrder, LAST_KNOWN_FRESHNESS, lookOfState } from '../../lib/container-status';
import { FRESHNESS_WORDS } from './search';

/** Where the numbers lead: to just those that they count. */
const NOW = { hostFreshness: [...CURRENT_FRESHNESS] };
const LAST_KNOWN = { hostFreshness: [...LAST_KNOWN_FRESHNESS] };

/** The fleet in numbers that add up. What a silent host last said stands apart: it is not running now, as far as anybody knows. */
export function Numbers({ summary: { hosts, containers } }: { summary: Summary }) {
  return (
    <section className="numbers" aria-label="Numbers">
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
            <strong className="number">{count(containers.current.total)}</strong> containers now
          </Link>
        </h2>
        <StateNumbers byState={containers.current.byState} unhealthy={containers.current.byHealth['unhealthy'] ?? 0} />
      </div>
      {containers.lastKnown.total > 0 && (
        <div className="number-group is-stale">
          <h2 className="number-title" title="Of hosts that are silent, or whose engine does not answer.">
            <Link to="/containers" search={LAST_KNOWN}>
              <strong className="number">{count(containers.lastKnown.total)}</strong> last known
            </Link>
          </h2>
          <p className="number-note">Their hosts do not confirm them any more. They are in no other number here.</p>
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
