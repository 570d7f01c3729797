import type { Summary } from '@muster/contracts';
import { Link } from '@tanstack/react-router';
import { formatCount, formatNumber } from '../../lib/format-count';
import { IsolatedText } from '../../components/isolated-text';
import { FreshnessBadge } from '../../components/state-badge';
import { StateIcon } from '../../components/state-icons';
import { CURRENT_FRESHNESS, sortStates, LAST_KNOWN_FRESHNESS, iconOfState } from '../../lib/container-status';
import { PROBLEM_TITLES } from '../../lib/format-problem';
import { isSevereProblem } from '../../lib/severity';
import { hostCounts, type HostCount } from './host-counts';
import { useHostLabel } from './host-label-context';

/** The filters that the counts link to. They select exactly the containers that a count includes. */
const CURRENT_FILTERS = { hostFreshness: [...CURRENT_FRESHNESS] };
const LAST_KNOWN_FILTERS = { hostFreshness: [...LAST_KNOWN_FRESHNESS] };

/**
 * The counts of hosts and containers. Containers of hosts that are not reporting are counted separately, because their
 * current state is unknown.
 */
export function FleetCounts({ summary: { hosts, containers } }: { summary: Summary }) {
  const hostLabel = useHostLabel();
  return (
    <section className="numbers" aria-label="Fleet summary">
      <div className="number-group">
        <h2 className="number-title">
          <Link to="/hosts" search={{ hostLabel }}>
            <strong className="number">{formatNumber(hosts.total)}</strong> {hosts.total === 1 ? 'host' : 'hosts'}
          </Link>
        </h2>
        <ul className="number-parts">
          {hostCounts(hosts).map((entry) => (
            <li key={entry.key}>
              <HostCountLink entry={entry} />
            </li>
          ))}
        </ul>
      </div>
      <div className="number-group">
        <h2 className="number-title">
          <Link to="/containers" search={{ ...CURRENT_FILTERS, hostLabel }}>
            <strong className="number">{formatNumber(containers.current.total)}</strong>{' '}
            {containers.current.total === 1 ? 'container' : 'containers'}
          </Link>
        </h2>
        <StateCounts
          byState={containers.current.byState}
          unhealthyCount={containers.current.byHealth['unhealthy'] ?? 0}
        />
        {containers.current.infra > 0 && (
          <p className="number-note">
            <Link to="/containers" search={{ ...CURRENT_FILTERS, hostLabel, infra: true }}>
              {formatCount(containers.current.infra, 'infra container')}
            </Link>
            , not counted
          </p>
        )}
      </div>
      {containers.lastKnown.total > 0 && (
        <div className="number-group is-stale">
          <h2 className="number-title" title="On hosts that are stale or offline, have left, or whose engine is down.">
            <Link to="/containers" search={{ ...LAST_KNOWN_FILTERS, hostLabel }}>
              <strong className="number">{formatNumber(containers.lastKnown.total)}</strong> last known
            </Link>
          </h2>
          <p className="number-note">On hosts that stopped reporting; not counted above.</p>
        </div>
      )}
    </section>
  );
}

/** A number of hosts, as a link to exactly these hosts. */
function HostCountLink({ entry: { count, freshness, problem } }: { entry: HostCount }) {
  const hostLabel = useHostLabel();
  return (
    <Link
      to="/hosts"
      search={{ freshness: freshness && [freshness], problem: problem && [problem], hostLabel }}
      className="number-part"
    >
      <strong className="number">{formatNumber(count)}</strong>
      {freshness !== undefined && <FreshnessBadge freshness={freshness} />}
      {problem !== undefined && (
        <span className={isSevereProblem(problem) ? 'freshness freshness-offline' : 'freshness freshness-stale'}>
          <StateIcon icon={isSevereProblem(problem) ? 'unhealthy' : 'starting'} />
          {PROBLEM_TITLES[problem].toLowerCase()}
        </span>
      )}
    </Link>
  );
}

function StateCounts({
  byState,
  unhealthyCount,
}: {
  byState: Readonly<Record<string, number>>;
  unhealthyCount: number;
}) {
  const filters = { ...CURRENT_FILTERS, hostLabel: useHostLabel() };
  return (
    <ul className="number-parts">
      {sortStates(byState).map(([state, count]) => (
        <li key={state}>
          <Link to="/containers" search={{ ...filters, state: [state] }} className="number-part">
            <strong className="number">{formatNumber(count)}</strong>
            <span className="state">
              <StateIcon icon={iconOfState(state)} />
              <IsolatedText text={state} />
            </span>
          </Link>
        </li>
      ))}
      {unhealthyCount > 0 && (
        <li>
          <Link to="/containers" search={{ ...filters, health: ['unhealthy'] }} className="number-part">
            <strong className="number">{formatNumber(unhealthyCount)}</strong>
            <span className="state">
              <StateIcon icon="unhealthy" />
              unhealthy
            </span>
          </Link>
        </li>
      )}
    </ul>
  );
}
