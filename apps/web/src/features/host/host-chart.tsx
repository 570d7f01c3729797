import type { Host } from '@muster/contracts';
import { useInfiniteQuery } from '@tanstack/react-query';
import { lazy, Suspense, useMemo, useState } from 'react';
import { serverNow } from '../../lib/api/client';
import { eventsQuery } from '../../lib/api/queries';
import { Loading } from '../../components/empty-state';
import { formatDuration } from '../../lib/format-time';
import { stateHistory } from '../../lib/state-history';

/**
 * Period that the chart covers, in milliseconds. The chart covers less if there are more events than one page holds.
 */
const WINDOW_MS = 24 * 3_600_000;

const StateChart = lazy(() => import('./state-chart'));

/** A chart of a host's containers by state over the last day. */
export function HostChart({ host }: { host: Host }) {
  // The time is rounded to the hour, so that the page uses the cached query if it is opened again within the hour.
  const [start] = useState(() => Math.floor((serverNow() - WINDOW_MS) / 3_600_000) * 3_600_000);
  const { data } = useInfiniteQuery(eventsQuery({ hostId: [host.id], since: new Date(start).toISOString() }));
  const until = Date.parse(host.confirmedAt ?? host.enrolledAt);
  const history = useMemo(() => {
    const page = data?.pages[0];
    if (page === undefined) return null;
    const points = stateHistory(host.containersByState, page.items, until);
    const knownSince = page.nextCursor === null ? Math.max(start, Date.parse(host.enrolledAt)) : points[0]!.at;
    return {
      points: [{ at: Math.min(knownSince, points[0]!.at), byState: points[0]!.byState }, ...points],
      since: knownSince,
    };
  }, [data, host.containersByState, host.enrolledAt, until, start]);
  if (history === null || until <= history.since) return null;
  return (
    <figure className="chart">
      <Suspense
        fallback={
          <div className="chart-room">
            <Loading what="the chart" />
          </div>
        }
      >
        <StateChart points={history.points} />
      </Suspense>
      <figcaption className="soft">Containers by state, last {formatDuration(until - history.since)}</figcaption>
    </figure>
  );
}
