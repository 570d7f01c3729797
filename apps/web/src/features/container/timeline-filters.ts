import { FLEET_WORKLOAD_KINDS, type ContainerView, type Workload } from '@muster/contracts';
import type { TimelineFilters } from '../../lib/api/queries';
import type { EventSearch } from '../events/search';

/**
 * Returns whether a copy of the service keeps its instance when it is replaced: a numbered container or task, or a pod
 * of a StatefulSet. Other pods and allocations get a new instance.
 */
const keepsInstance = ({ kind, instance }: Workload): boolean =>
  kind === 'compose' || kind === 'swarm' || (kind === 'kubernetes' && /^\d{1,4}$/.test(instance ?? ''));

/** Returns the filters of a container's history, and the same filters for the events page. */
export function timelineFilters({
  hostId,
  name,
  workload,
}: Pick<ContainerView, 'hostId' | 'name' | 'workload'>): TimelineFilters & { title: string; search: EventSearch } {
  const { kind, project, service, instance } = workload;
  const byName = { hostId: [hostId], name: [name] };
  if (kind === 'plain' || service === null) {
    return { events: byName, earlier: null, title: name, search: { hostId: [hostId], name } };
  }
  const host = FLEET_WORKLOAD_KINDS.includes(kind) ? {} : { hostId: [hostId] };
  const filters = {
    ...host,
    ...(project === null ? {} : { project: [project] }),
    service: [service],
    ...(instance !== null && keepsInstance(workload) ? { instance: [instance] } : {}),
  };
  const title = project === null ? service : `${project}/${service}`;
  return { events: filters, earlier: byName, title, search: filters };
}
