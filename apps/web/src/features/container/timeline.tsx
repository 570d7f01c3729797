import type { ContainerView } from '@muster/contracts';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { timelineQuery } from '../../lib/api/queries';
import { formatCount } from '../../lib/format-count';
import { IsolatedText } from '../../components/isolated-text';
import { ListStates } from '../../components/list-states';
import { EventDays } from '../events/event-days';
import { useClusterHosts } from '../workload/cluster-hosts';
import { workloadSearch } from '../workload/search';
import { timelineFilters } from './timeline-filters';

/**
 * The events of all containers of this container's workload. A container that replaces another container thereby
 * continues the history of that container. The replacement is on the same host, unless an orchestrator chooses the
 * host.
 */
export function Timeline({ container }: { container: ContainerView }) {
  const { hostId, name, dockerId, workload, labels } = container;
  const cluster = useClusterHosts(workloadSearch(hostId, workload, labels));
  const hosts = cluster.hosts?.join();
  const filters = useMemo(
    () => timelineFilters({ hostId, name, workload }, hosts?.split(',')),
    [hostId, name, workload, hosts],
  );
  const list = useInfiniteQuery({ ...timelineQuery(filters, 50), enabled: !cluster.isPending });
  const otherContainers = useMemo(() => {
    const ids = new Set(list.data?.pages.flatMap((page) => page.items.map((event) => event.dockerId)));
    ids.delete(dockerId);
    return ids.size;
  }, [list.data, dockerId]);
  return (
    <section className="timeline" aria-labelledby="timeline-title">
      <header className="section-head">
        <h2 id="timeline-title">History</h2>
        {otherContainers > 0 && (
          <span className="soft">
            Includes {formatCount(otherContainers, 'other container')}{' '}
            {filters.events.name === undefined ? 'of the same service' : 'named'} <IsolatedText text={filters.title} />
          </span>
        )}
        <Link to="/events" search={filters.search} className="section-link">
          View in Events
        </Link>
      </header>
      <ListStates list={list} what="events" empty={<p className="soft">No events in the retention period.</p>}>
        {(items) => (
          <EventDays
            events={items}
            omittedParts={filters.events.hostId === undefined || hosts !== undefined ? ['name'] : ['host', 'name']}
            parent="section"
          />
        )}
      </ListStates>
    </section>
  );
}
