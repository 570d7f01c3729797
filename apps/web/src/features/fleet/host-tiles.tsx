import type { ContainerEvent, Host } from '@muster/contracts';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { HostName } from '../../components/host-name';
import { formatNumber } from '../../lib/format-count';
import { IsolatedText } from '../../components/isolated-text';
import { ProblemNames } from '../../components/problem-names';
import { FreshnessBadge } from '../../components/state-badge';
import { sortStates, isCurrent, iconOfState } from '../../lib/container-status';
import { toPlainText } from '../../lib/plain-text';
import { StateIcon } from '../../components/state-icons';
import { compareSeverity } from './host-order';
import { useHostLabel } from './host-label-context';
import { hostTilesQuery } from './prefetch';
import type { RecentEvents } from './recent-events';
import { RunningLine } from './running-line';
import { groupBy } from '../../lib/group-by';

/** A list with a tile for each host, starting with the hosts that have problems. */
export function HostTiles({ recentEvents }: { recentEvents: RecentEvents }) {
  const { data, error, refetch } = useInfiniteQuery(hostTilesQuery(useHostLabel()));
  const sortedHosts = useMemo(() => data?.pages.flatMap((page) => page.items).sort(compareSeverity), [data]);
  const eventsByHost = useMemo(() => groupBy(recentEvents.events, ({ hostId }) => hostId), [recentEvents.events]);
  return (
    <section className="hosts" aria-labelledby="hosts-title">
      <div className="section-head">
        <h2 id="hosts-title">Hosts</h2>
      </div>
      <ErrorNote error={sortedHosts === undefined ? error : null} onRetry={() => void refetch()} />
      {sortedHosts === undefined && error === null && <Loading what="hosts" />}
      <ul className="tiles">
        {sortedHosts?.map((host) => (
          <li key={host.id}>
            <HostTile host={host} events={eventsByHost.get(host.id) ?? []} since={recentEvents.since} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function HostTile({ host, events, since }: { host: Host; events: readonly ContainerEvent[]; since: number }) {
  const isDataCurrent = isCurrent(host.freshness);
  const unhealthyCount = host.containersByHealth['unhealthy'] ?? 0;
  return (
    <Link to="/hosts/$hostId" params={{ hostId: host.id }} className={isDataCurrent ? 'tile' : 'tile is-stale'}>
      <span className="tile-head">
        <strong className="clip">
          <HostName id={host.id} name={host.name} />
        </strong>
        <FreshnessBadge freshness={host.freshness} since={host.confirmedAt} />
      </span>
      <ProblemNames problems={host.problems} />
      <span className="tile-counts">
        {sortStates(host.containersByState).map(([state, count]) => (
          <span key={state} className="state" title={toPlainText(`${formatNumber(count)} ${state}`)}>
            <StateIcon icon={iconOfState(state)} />
            <span className="number">{formatNumber(count)}</span>
            <span className="tile-state">
              <IsolatedText text={state} />
            </span>
          </span>
        ))}
        {unhealthyCount > 0 && (
          <span className="state" title={`${formatNumber(unhealthyCount)} unhealthy`}>
            <StateIcon icon="unhealthy" />
            <span className="number">{formatNumber(unhealthyCount)}</span>
            <span className="tile-state">unhealthy</span>
          </span>
        )}
        {host.containerCount === 0 && <span className="soft">No containers</span>}
      </span>
      {isDataCurrent && (
        <RunningLine
          byState={host.containersByState}
          events={events}
          since={Math.max(since, Date.parse(host.enrolledAt))}
        />
      )}
    </Link>
  );
}
