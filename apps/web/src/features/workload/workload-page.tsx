import type { ContainerView } from '@muster/contracts';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Fragment, useMemo, type ReactNode } from 'react';
import { IsolatedText } from '../../components/isolated-text';
import { ListStates } from '../../components/list-states';
import { NotFound } from '../../components/not-found';
import { containersQuery, timelineQuery } from '../../lib/api/queries';
import { formatCount } from '../../lib/format-count';
import { useTitle } from '../../lib/title';
import { ContainerTable } from '../containers/container-table';
import { mergeRecreations } from '../containers/recreations';
import type { ColumnId } from '../containers/search';
import { EventDays } from '../events/event-days';
import { useClusterHosts } from './cluster-hosts';
import {
  isOfWorkload,
  swarmServiceIdOf,
  workloadEventFilters,
  workloadFilters,
  workloadTitle,
  type WorkloadSearch,
} from './search';
import { WORKLOAD_TERMS } from './terms';

const route = getRouteApi('/signed-in/workload');
const COLUMNS: readonly ColumnId[] = ['state', 'host', 'image', 'changedAt', 'firstSeenAt'];

/**
 * The page of a workload: its containers and its history. Its URL stays the same when a container is replaced, or moves
 * to another host.
 */
export function WorkloadPage(): ReactNode {
  const search = route.useSearch();
  const { kind = 'plain', project, service, instance } = search;
  useTitle(service === undefined ? 'Workload' : workloadTitle(search));
  if (service === undefined) return <NotFound />;
  return (
    <>
      <nav className="crumbs" aria-label="Breadcrumb">
        {project === undefined ? (
          <Link to="/containers">Containers</Link>
        ) : (
          <Link to="/containers" search={{ project: [project] }}>
            <IsolatedText text={project} />
          </Link>
        )}
      </nav>
      <header className="page-head">
        <h1 className="break">
          <IsolatedText text={workloadTitle(search)} />
        </h1>
        <span className="soft">
          {WORKLOAD_TERMS[kind]}
          {instance !== undefined && (
            <>
              , instance <IsolatedText text={instance} />.{' '}
              <Link to="/workload" search={{ ...search, instance: undefined }}>
                All instances
              </Link>
            </>
          )}
        </span>
      </header>
      <WorkloadContainers search={search} />
      <WorkloadHistory search={search} />
    </>
  );
}

function WorkloadContainers({ search }: { search: WorkloadSearch }) {
  const filters = workloadFilters(search);
  const list = useInfiniteQuery(containersQuery({ ...filters, presence: 'all', sort: '-firstSeenAt' }, 50));
  return (
    <section aria-labelledby="containers-title">
      <header className="section-head">
        <h2 id="containers-title">Containers</h2>
        <Link to="/containers" search={filters} className="section-link">
          Open in Containers
        </Link>
      </header>
      <ListStates list={list} what="containers" empty={<p className="soft">No container in the last 7 days.</p>}>
        {(items) => {
          const rows = mergeRecreations(items.filter(({ workload }) => isOfWorkload(search, workload)));
          return (
            <>
              <Clusters search={search} containers={rows} />
              <ContainerTable
                inline
                label="Containers of this workload"
                rows={rows}
                total={list.hasNextPage ? -1 : rows.length}
                shownColumns={COLUMNS}
                onNearEnd={() => undefined}
              />
            </>
          );
        }}
      </ListStates>
    </section>
  );
}

/**
 * If several Swarm clusters have a service of this name, links to the service of each cluster. The link shows the
 * newest host of the cluster.
 */
function Clusters({ search, containers }: { search: WorkloadSearch; containers: readonly ContainerView[] }) {
  const hostNames = new Map<string, string>();
  for (const { workload, labels, hostName } of containers) {
    const id = swarmServiceIdOf(workload, labels);
    if (id !== undefined && !hostNames.has(id)) hostNames.set(id, hostName);
  }
  if (hostNames.size < 2) return null;
  return (
    <p className="soft">
      {formatCount(hostNames.size, 'Swarm cluster')} with a service of this name. Show only the cluster of host
      {[...hostNames].map(([swarmServiceId, hostName], index) => (
        <Fragment key={swarmServiceId}>
          {index === 0 ? ' ' : ', '}
          <Link to="/workload" search={{ ...search, swarmServiceId }}>
            <IsolatedText text={hostName} />
          </Link>
        </Fragment>
      ))}
    </p>
  );
}

function WorkloadHistory({ search }: { search: WorkloadSearch }) {
  const cluster = useClusterHosts(search);
  const hosts = cluster.hosts?.join();
  const filters = useMemo(() => {
    const { hostId, ...ofWorkload } = workloadEventFilters(search);
    // A plain container is found by its name. A filter by service would also find services of projects that have the
    // same name.
    if (search.kind === 'plain') return { hostId, name: ofWorkload.service };
    return { ...ofWorkload, hostId: hosts?.split(',') ?? hostId };
  }, [search, hosts]);
  const list = useInfiniteQuery({
    ...timelineQuery({ events: filters, earlier: null }, 50),
    enabled: !cluster.isPending,
  });
  return (
    <section className="timeline" aria-labelledby="timeline-title">
      <header className="section-head">
        <h2 id="timeline-title">History</h2>
      </header>
      <ListStates list={list} what="events" empty={<p className="soft">No events in the retention period.</p>}>
        {(items) => (
          <EventDays
            events={items.filter(({ workload }) => workload === null || isOfWorkload(search, workload))}
            omittedParts={search.hostId === undefined ? [] : ['host']}
            parent="section"
          />
        )}
      </ListStates>
    </section>
  );
}
