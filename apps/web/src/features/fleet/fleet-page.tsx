import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, Navigate } from '@tanstack/react-router';
import { useMemo, type ReactNode } from 'react';
import { hostsQuery, summaryQuery } from '../../lib/api/queries';
import { useMayChange } from '../../lib/session';
import { Empty, Loading } from '../../components/empty';
import { ErrorNote } from '../../components/error-note';
import { useTitle } from '../../lib/title';
import { Attention } from './attention';
import { HostTiles } from './host-tiles';
import { LatelyChanged } from './recent-changes';
import { Numbers } from './numbers';
import { useRecentEvents } from './recent-events';

const route = getRouteApi('/signed-in/');

/** The fleet at a glance: numbers, what needs attention, every host, what changed lately. */
export function FleetPage(): ReactNode {
  useTitle('Fleet');
  const { freshness } = route.useSearch();
  const hosts = useInfiniteQuery(hostsQuery());
  const summary = useQuery(summaryQuery);
  const recent = useRecentEvents();
  const mayChange = useMayChange();
  const items = useMemo(() => hosts.data?.pages.flatMap((page) => page.items) ?? [], [hosts.data]);

  if (hosts.isError && hosts.data === undefined) {
    return <ErrorNote error={hosts.error} onRetry={() => void hosts.refetch()} />;
  }
  if (hosts.data === undefined) return <Loading what="the fleet" />;
  if (items.length === 0) {
    // The first thing to do here is the only one.
    if (mayChange) return <Navigate to="/add-host" />;
    return (
      <Empty title="No hosts yet">
        <p>An admin can add the first one. It appears here as soon as it reports.</p>
      </Empty>
    );
  }
  const shown = freshness === undefined ? items : items.filter((host) => host.freshness === freshness);
  return (
    <>
      <h1>Fleet</h1>
      <ErrorNote error={summary.error} onRetry={() => void summary.refetch()} />
      {summary.data !== undefined && <Numbers summary={summary.data} />}
      <div className="fleet">
        <Attention hosts={items} events={recent.events} />
        <HostTiles
          hosts={shown}
          total={summary.data?.hosts.total}
          freshness={freshness}
          recent={recent}
          more={hosts.hasNextPage ? () => void hosts.fetchNextPage() : null}
          busy={hosts.isFetchingNextPage}
        />
        <LatelyChanged events={recent.events} />
      </div>
      <p className="fleet-foot soft">
        <Link to="/events">All changes</Link>
      </p>
    </>
  );
}
