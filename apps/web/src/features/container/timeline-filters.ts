import type { ContainerView } from '@muster/contracts';
import type { TimelineFilters } from '../../lib/api/queries';
import type { EventSearch } from '../events/search';
import { workloadEventFilters, workloadSearch, workloadTitle } from '../workload/search';

/**
 * Returns the filters of a container's history, and the same filters for the events page. `hosts` are the hosts of the
 * container's Swarm cluster.
 */
export function timelineFilters(
  { hostId, name, workload }: Pick<ContainerView, 'hostId' | 'name' | 'workload'>,
  hosts?: string[],
): TimelineFilters & { title: string; search: EventSearch } {
  const byName = { hostId: [hostId], name: [name] };
  const search = workload.kind === 'plain' ? null : workloadSearch(hostId, workload);
  if (search === null) return { events: byName, earlier: null, title: name, search: { hostId: [hostId], name } };
  const filters = { ...workloadEventFilters(search), ...(hosts && { hostId: hosts }) };
  return { events: filters, earlier: byName, title: workloadTitle(search), search: filters };
}
