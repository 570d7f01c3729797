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

/** The overview of the fleet: counts, problems that need attention, all hosts and recent changes. */
export function FleetPage(): ReactNode {
  useTitle('Fleet');
  const { freshness } = route.useSearch();
  const hosts = useInfiniteQuery(hostsQuery());
  const summary = useQuery(summaryQuery);
  const recentEvents = useRecentEvents();
  const canEdit = useCanEdit();
  const loadedHosts = useMemo(() => hosts.data?.pages.flatMap((page) => page.items) ?? [], [hosts.data]);

  if (hosts.isError && hosts.data === undefined) {
    return <ErrorNote error={hosts.error} onRetry={() => void hosts.refetch()} />;
  }
  if (hosts.data === undefined) return <Loading what="the fleet" />;
  if (loadedHosts.length === 0) {
    // Adding a host is the only useful action in an empty fleet.
    if (canEdit) return <Navigate to="/add-host" />;
    return (
      <EmptyState title="No hosts yet">
        <p>An admin can add the first host. Hosts appear here after their first report.</p>
      </EmptyState>
    );
  }
  const shownHosts = freshness === undefined ? loadedHosts : loadedHosts.filter((host) => host.freshness === freshness);
  return (
    <>
      <h1>Fleet</h1>
      <ErrorNote error={summary.error} onRetry={() => void summary.refetch()} />
      {summary.data !== undefined && <FleetCounts summary={summary.data} />}
      <div className="fleet">
        <Attention hosts={loadedHosts} events={recentEvents.events} />
        <HostTiles
          hosts={shownHosts}
          total={summary.data?.hosts.total}
          freshness={freshness}
          recentEvents={recentEvents}
          onShowMore={hosts.hasNextPage ? () => void hosts.fetchNextPage() : null}
          busy={hosts.isFetchingNextPage}
        />
        <RecentChanges events={recentEvents.events} />
      </div>
      <p className="fleet-foot soft">
        <Link to="/events">All events</Link>
      </p>
    </>
  );
}
