import type { FleetMap, Host } from '@muster/contracts';
import type { QueryClient } from '@tanstack/react-query';
import { severityOf } from '../severity';
import { fleetMapQuery } from './queries';

/** The positions of the hosts in a map. The key is the map's array of ids, which live updates do not replace. */
const indexes = new WeakMap<readonly string[], ReadonlyMap<string, number>>();

function indexOf(ids: readonly string[]): ReadonlyMap<string, number> {
  let index = indexes.get(ids);
  if (index === undefined) {
    index = new Map(ids.map((id, position) => [id, position]));
    indexes.set(ids, index);
  }
  return index;
}

/**
 * Updates hosts in the cached map, so that the map of the whole fleet need not be requested again after each change.
 * Returns false if the map must be refetched. This is the case if a host is not in the map, or was renamed, which
 * changes the order.
 */
export function updateFleetMap(client: QueryClient, hosts: ReadonlyMap<string, Host>): boolean {
  const { queryKey } = fleetMapQuery;
  const map = client.getQueryData(queryKey);
  if (map === undefined) return true;
  const index = indexOf(map.ids);
  const next: FleetMap = {
    ...map,
    freshness: [...map.freshness],
    severity: [...map.severity],
    unhealthy: [...map.unhealthy],
  };
  let isComplete = true;
  let isChanged = false;
  for (const host of hosts.values()) {
    const at = index.get(host.id);
    if (at === undefined || map.names[at] !== host.name) {
      isComplete = false;
      continue;
    }
    const [severity, unhealthy] = [severityOf(host), host.containersByHealth['unhealthy'] ?? 0];
    isChanged ||=
      map.freshness[at] !== host.freshness || map.severity[at] !== severity || map.unhealthy[at] !== unhealthy;
    next.freshness[at] = host.freshness;
    next.severity[at] = severity;
    next.unhealthy[at] = unhealthy;
  }
  const updatedAt = client.getQueryState(queryKey)?.dataUpdatedAt;
  if (isChanged) client.setQueryData(queryKey, next, updatedAt === undefined ? {} : { updatedAt });
  return isComplete;
}
