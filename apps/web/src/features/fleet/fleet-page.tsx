import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, Navigate } from '@tanstack/react-router';
import { useMemo, type ReactNode } from 'react';
import { hostsQuery, summaryQuery } from '../../lib/api/queries';
import { useCanEdit } from '../../lib/session';
import { EmptyState, Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { useTitle } from '../../lib/title';
import { Attention } from './attention';
import { HostTiles } from './host-tiles';
import { RecentChanges } from './recent-changes';
import { FleetCounts } from './fleet-counts';
import { useRecentEvents } from './recent-events';

const route = getRouteApi('/signed-in/');

/** The fleet at a glance: counts, what needs attention, all hosts and recent changes. */
export function FleetPage(): ReactNode {
  useTitle('Fleet');
  const { freshness } = route.useSearch();
  const hosts = useInfiniteQuery(hostsQuery());
  const summary = useQuery(summaryQuery);
  const recent = useRecentEvents();
  const mayChange = useCanEdit();
  const items = useMemo(() => hosts.data?.pages.flatMap((page) => page.items) ?? [], [hosts.data]);

  if (hosts.isError && hosts.data === undefined) {
    return <ErrorNote error={hosts.error} onRetry={() => void hosts.refetch()} />;
  }
  if (hosts.data === undefined) return <Loading what="the fleet" />;
  if (items.length === 0) {
    // Adding a host is the only useful action in an empty fleet.
    if (mayChange) return <Navigate to="/add-host" />;
    return (
      <EmptyState title="No hosts yet">
        <p>An admin can add the first host. Hosts appear here after their first report.</p>
      </EmptyState>
    );
  }
  const shown = freshness === undefined ? items : items.filter((host) => host.freshness === freshness);
  return (
    <>
      <h1>Fleet</h1>
      <ErrorNote error={summary.error} onRetry={() => void summary.refetch()} />
      {summary.data !== undefined && <FleetCounts summary={summary.data} />}
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
        <RecentChanges events={recent.events} />
      </div>
      <p className="fleet-foot soft">
        <Link to="/events">All events</Link>
      </p>
    </>
  );
}
