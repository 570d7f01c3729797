import { useQuery } from '@tanstack/react-query';
import { containersOfAllTimesQuery } from '../../lib/api/queries';
import { workloadFilters, type WorkloadSearch } from './search';

/** Maximum number of hosts in a filter. */
const HOSTS_MAX = 50;

/**
 * Returns the hosts of a workload's Swarm cluster. The workload's history is limited to these hosts, because events
 * have no labels that identify the cluster. `hosts` is undefined if any host can have the workload. `isPending` is true
 * until the hosts are known.
 */
export function useClusterHosts(search: WorkloadSearch | null): { hosts: string[] | undefined; isPending: boolean } {
  const isEnabled = search?.swarmServiceId !== undefined;
  const { data, isPending } = useQuery({
    ...containersOfAllTimesQuery(workloadFilters({ ...search, instance: undefined })),
    enabled: isEnabled,
  });
  const hosts = data && [...new Set(data.items.map(({ hostId }) => hostId))].sort();
  const isComplete = data?.nextCursor === null && data.items.length > 0 && hosts!.length <= HOSTS_MAX;
  return { hosts: isEnabled && isComplete ? hosts : undefined, isPending: isEnabled && isPending };
}
