import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';
import { isNotFound } from '../../lib/api/client';
import { eventsQuery, hostQuery } from '../../lib/api/queries';
import { useCanEdit } from '../../lib/session';
import { formatNumber } from '../../lib/format-count';
import { Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { InfraToggle } from '../../components/infra';
import { IsolatedText } from '../../components/isolated-text';
import { ItemNotFound } from '../../components/not-found';
import { Note } from '../../components/note';
import { FreshnessBadge } from '../../components/state-badge';
import { Age, DateTime } from '../../components/time';
import { useTitle } from '../../lib/title';
import { StateIcon } from '../../components/state-icons';
import type { Sort } from '../../lib/sort-order';
import { formatClockSkew } from '../../lib/format-clock-skew';
import { FRESHNESS, sortStates, isCurrent, iconOfState } from '../../lib/container-status';
import { ContainerTable } from '../containers/container-table';
import type { ColumnId, SortKey } from '../containers/search';
import { formatSort, sortKeysOf } from '../containers/sort';
import { useContainerList } from '../containers/use-container-list';
import { EventDays } from '../events/event-days';
import { HostAvailabilityCard } from '../availability/host-availability';
import { HostActions } from './host-actions';
import { HostChart } from './host-chart';
import { HostFacts } from './host-facts';
import { HostHistory } from './host-history';
import { HostLabels } from './host-labels';
import { HostProblems } from './host-problems';

const route = getRouteApi('/signed-in/hosts/$hostId');
const COLUMNS: readonly ColumnId[] = ['state', 'image', 'ports', 'project', 'changedAt'];
const EVENTS_SHOWN_MAX = 50;
const OMITTED_EVENT_PARTS = ['host'] as const;

/** The page of one host: its freshness, problems, containers and events. */
export function HostPage(): ReactNode {
  const { hostId } = route.useParams();
  const { data: host, error, refetch } = useQuery(hostQuery(hostId));
  const canEdit = useCanEdit();
  useTitle(host?.name ?? 'Host');
  if (host === undefined) {
    if (isNotFound(error)) {
      return <ItemNotFound what="Host">It may have been deleted, or the link is wrong.</ItemNotFound>;
    }
    return error === null ? <Loading what="the host" /> : <ErrorNote error={error} onRetry={() => void refetch()} />;
  }
  const isDataCurrent = isCurrent(host.freshness);
  return (
    <>
      <nav className="crumbs" aria-label="Breadcrumb">
        <Link to="/hosts">Hosts</Link>
      </nav>
      <header className="page-head">
        <h1 className="break">
          <IsolatedText text={host.name} />
        </h1>
        <FreshnessBadge freshness={host.freshness} since={host.confirmedAt} />
        {canEdit && <HostActions host={host} />}
      </header>
      {!isDataCurrent && <Note kind="warning">{FRESHNESS[host.freshness].meaning}</Note>}
      <HostProblems problems={host.problems} />
      <div className="columns">
        <section className="card" aria-labelledby="facts-title">
          <h2 id="facts-title" className="card-title">
            Details
          </h2>
          <dl className="facts">
            <dt>Engine</dt>
            <dd>
              <IsolatedText text={host.engine.name} /> <IsolatedText text={host.engine.version} />
              {host.engine.apiVersion !== '' && (
                <span className="soft">
                  {' '}
                  (API <IsolatedText text={host.engine.apiVersion} />)
                </span>
              )}
            </dd>
            <dt>System</dt>
            <dd>
              <IsolatedText text={host.os} /> <IsolatedText text={host.arch} />
            </dd>
            <dt>Agent</dt>
            <dd>
              <IsolatedText text={host.agentVersion} />
            </dd>
            <HostFacts host={host} />
            <dt>Last snapshot</dt>
            <dd>
              <Age at={host.confirmedAt} />
            </dd>
            <dt>Last contact</dt>
            <dd>
              <Age at={host.lastSeenAt} />
            </dd>
            <dt>Clock</dt>
            <dd>{formatClockSkew(host.clockSkewSeconds)}</dd>
            <dt>Enrolled</dt>
            <dd>
              <DateTime at={host.enrolledAt} />
            </dd>
          </dl>
        </section>
        <div>
          <section className={isDataCurrent ? 'card' : 'card is-stale'} aria-labelledby="states-title">
            <h2 id="states-title" className="card-title">
              {isDataCurrent ? 'States' : 'States (last known)'}
            </h2>
            <p className="host-states">
              {sortStates(host.containersByState).map(([state, count]) => (
                <Link
                  key={state}
                  to="/containers"
                  search={{ hostId: [hostId], state: [state] }}
                  className="number-part"
                >
                  <strong className="number">{formatNumber(count)}</strong>
                  <span className="state">
                    <StateIcon icon={iconOfState(state)} />
                    <IsolatedText text={state} />
                  </span>
                </Link>
              ))}
              {host.containerCount === 0 && <span className="soft">No containers</span>}
            </p>
            <HostChart host={host} />
          </section>
          <HostLabels host={host} />
        </div>
      </div>
      <HostAvailabilityCard hostId={hostId} />
      <HostContainers hostId={hostId} infraCount={host.infraCount} />
      <HostHistory hostId={hostId} />
      <HostEvents hostId={hostId} />
    </>
  );
}

function HostContainers({ hostId, infraCount }: { hostId: string; infraCount: number }) {
  const [showsInfra, setShowsInfra] = useState(false);
  const [sort, setSort] = useState<Sort<SortKey>>({ key: 'name', descending: false });
  const filters = { hostId: [hostId], infra: showsInfra || undefined, sort: formatSort(sort) };
  const { list, rows, total, onNearEnd } = useContainerList(filters);
  return (
    <section className="timeline" aria-labelledby="containers-title">
      <header className="section-head">
        <h2 id="containers-title">Containers</h2>
        <span className="soft">
          <InfraToggle count={infraCount} isShown={showsInfra} onChange={setShowsInfra} />
        </span>
        <Link to="/containers" search={{ hostId: [hostId], infra: showsInfra || undefined }} className="section-link">
          Open in Containers
        </Link>
      </header>
      <ErrorNote error={list.error} onRetry={() => void list.refetch()} />
      {rows === undefined && !list.isError && <Loading what="containers" />}
      {rows !== undefined && rows.length > 0 && (
        <ContainerTable
          inline
          label="Containers of this host"
          rows={rows}
          total={total}
          shownColumns={COLUMNS}
          sort={sort}
          sortKeys={sortKeysOf(filters)}
          onSort={setSort}
          onNearEnd={onNearEnd}
        />
      )}
      {total === 0 && rows !== undefined && <p className="soft">No containers</p>}
    </section>
  );
}

function HostEvents({ hostId }: { hostId: string }) {
  const list = useInfiniteQuery(eventsQuery({ hostId: [hostId] }, EVENTS_SHOWN_MAX));
  const { data } = list;
  const events = data?.pages[0]?.items ?? [];
  return (
    <section className="timeline" aria-labelledby="events-title">
      <header className="section-head">
        <h2 id="events-title">Container events</h2>
        <Link to="/events" search={{ hostId: [hostId] }} className="section-link">
          All events
        </Link>
      </header>
      <ErrorNote error={list.error} onRetry={() => void list.refetch()} />
      {data === undefined && !list.isError && <Loading what="events" />}
      {data !== undefined && events.length === 0 && <p className="soft">No events in the retention period.</p>}
      <EventDays events={events} omittedParts={OMITTED_EVENT_PARTS} parent="section" />
    </section>
  );
}
