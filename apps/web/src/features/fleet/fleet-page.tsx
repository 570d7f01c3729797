import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Navigate, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useNow } from '../../components/time';
import { summaryQueryOf } from '../../lib/api/queries';
import { useCanEdit } from '../../lib/session';
import { EmptyState, Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { HostLabelFilter } from '../../components/host-label-filter';
import { useTitle } from '../../lib/title';
import { Attention } from './attention';
import { FleetMap } from './fleet-map';
import { HostLabelContext, useHostLabel } from './host-label-context';
import { HostTiles } from './host-tiles';
import { TILES_MAX } from './prefetch';
import { EVENTS_SHOWN_MAX, RecentChanges } from './recent-changes';
import { FleetCounts } from './fleet-counts';
import { useRecentEvents } from './recent-events';

/**
 * Number of events that are read if the page has tiles. The charts of the tiles need more events than the list of
 * changes.
 */
const EVENTS_WITH_TILES = 200;

const route = getRouteApi('/signed-in/');

/** The overview of the fleet: counts, problems that need attention, all hosts and recent changes. */
export function FleetPage(): ReactNode {
  useTitle('Fleet');
  const { hostLabel } = route.useSearch();
  const navigate = useNavigate();
  const summary = useQuery(summaryQueryOf(hostLabel));
  const canEdit = useCanEdit();

  if (summary.data === undefined) {
    return summary.error === null ? (
      <Loading what="the fleet" />
    ) : (
      <ErrorNote error={summary.error} onRetry={() => void summary.refetch()} />
    );
  }
  const { total } = summary.data.hosts;
  if (total === 0 && hostLabel === undefined) {
    // Adding a host is the only useful action in an empty fleet.
    if (canEdit) return <Navigate to="/add-host" />;
    return (
      <EmptyState title="No hosts yet">
        <p>An admin can add the first host. Hosts appear here after their first report.</p>
      </EmptyState>
    );
  }
  const hasTiles = total <= TILES_MAX;
  return (
    <HostLabelContext value={hostLabel}>
      <header className="page-head">
        <h1>Fleet</h1>
        <div className="chips" role="group" aria-label="Filters">
          <HostLabelFilter
            labels={hostLabel}
            onChange={(labels) => void navigate({ to: '/', search: { hostLabel: labels }, replace: true })}
          />
        </div>
      </header>
      <ErrorNote error={summary.error} onRetry={() => void summary.refetch()} />
      {total === 0 ? (
        <EmptyState title="No matching hosts" />
      ) : (
        <>
          <FleetCounts summary={summary.data} />
          <Overview key={hasTiles ? 'tiles' : 'map'} hasTiles={hasTiles} />
        </>
      )}
    </HostLabelContext>
  );
}

function Overview({ hasTiles }: { hasTiles: boolean }) {
  const recentEvents = useRecentEvents(hasTiles ? EVENTS_WITH_TILES : EVENTS_SHOWN_MAX, useNow(), useHostLabel());
  return (
    <div className="fleet">
      <Attention />
      {hasTiles ? <HostTiles recentEvents={recentEvents} /> : <FleetMap />}
      <RecentChanges recentEvents={recentEvents} />
    </div>
  );
}
