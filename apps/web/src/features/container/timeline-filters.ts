import type { ContainerView } from '@muster/contracts';
import type { TimelineFilters } from '../../lib/api/queries';
import type { EventSearch } from '../events/search';
import { workloadFilters, workloadSearch, workloadTitle } from '../workload/search';

/** Returns the filters of a container's history, and the same filters for the events page. */
export function timelineFilters({
  hostId,
  name,
  workload,
}: Pick<ContainerView, 'hostId' | 'name' | 'workload'>): TimelineFilters & { title: string; search: EventSearch } {
  const byName = { hostId: [hostId], name: [name] };
  const search = workload.kind === 'plain' ? null : workloadSearch(hostId, workload);
  if (search === null) return { events: byName, earlier: null, title: name, search: { hostId: [hostId], name } };
  const filters = workloadFilters(search);
  return { events: filters, earlier: byName, title: workloadTitle(search), search: filters };
}
