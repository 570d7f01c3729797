import type { ContainerEvent, Freshness, Host, StreamMessage } from '@muster/contracts';
import type { QueryClient } from '@tanstack/react-query';
import { cachedHosts, removeHosts, updateHosts } from './host-cache';
import { updateFleetMap } from './fleet-map-cache';
import {
  hostQuery,
  RECENT_EVENTS_KEY,
  SHARED_NAMES_MAX,
  sharedNamesQuery,
  staleKeysAfter,
  summaryQuery,
} from './queries';
import { updateRecentEvents } from './recent-events-cache';

type Refresh = (key: readonly string[]) => void;

/**
 * Updates the query cache with messages of the live stream, and calls `refresh` for the keys to refetch. The messages
 * about hosts are applied together, because changing one host in a list takes as long as changing many.
 */
export function applyMessages(client: QueryClient, messages: readonly StreamMessage[], refresh: Refresh): void {
  const changedHosts = new Map<string, Host>();
  const events: ContainerEvent[] = [];
  const deletedIds = new Set<string>();
  for (const message of messages) {
    switch (message.event) {
      case 'summary':
        client.setQueryData(summaryQuery.queryKey, message.data);
        break;
      case 'host':
        changedHosts.set(message.data.id, message.data);
        break;
      case 'host-deleted':
        deletedIds.add(message.data.hostId);
        break;
      case 'freshness':
        // The message describes all hosts, so the earlier messages about hosts are applied before it.
        applyHosts(client, changedHosts, refresh);
        changedHosts.clear();
        applyFreshness(
          client,
          new Map(message.data.hosts.map(({ hostId, freshness }) => [hostId, freshness])),
          refresh,
        );
        break;
      case 'unauthorized':
        client.setQueryData(['session'], null);
        break;
      case 'container':
        events.push(message.data);
        break;
      case 'host-event':
      case 'hosts-changed':
      case 'reset':
      case 'lagging':
      case 'caught-up':
      case 'heartbeat':
        break;
    }
    for (const key of staleKeysAfter(message.event)) refresh(key);
  }
  if (!updateRecentEvents(client, events, changedHosts)) refresh(RECENT_EVENTS_KEY);
  applyHosts(client, changedHosts, refresh);
  if (deletedIds.size > 0) removeHosts(client, deletedIds);
}

function applyHosts(client: QueryClient, hosts: ReadonlyMap<string, Host>, refresh: Refresh): void {
  if (hosts.size === 0) return;
  const listedHosts = cachedHosts(client);
  // The lists are filtered and sorted, so a host can leave a list, or enter a list that does not contain it.
  let changesLists = false;
  for (const host of hosts.values()) {
    const { queryKey } = hostQuery(host.id);
    const before = listedHosts.get(host.id) ?? client.getQueryData(queryKey);
    client.setQueryData(queryKey, host);
    changesLists ||= before === undefined || filterKeyOf(before) !== filterKeyOf(host);
  }
  updateHosts(client, (host) => hosts.get(host.id) ?? host);
  if (changesLists) refresh(['hosts', 'list']);
  if (changesSharedNames(client, hosts)) refresh(sharedNamesQuery.queryKey);
  if (!updateFleetMap(client, hosts)) refresh(['fleet-map']);
}

/**
 * Returns whether the cached list of hosts with shared names is outdated: a host with a shared name is missing from the
 * list, or a host in the list no longer shares that name.
 */
function changesSharedNames(client: QueryClient, hosts: ReadonlyMap<string, Host>): boolean {
  const listed = client.getQueryData(sharedNamesQuery.queryKey);
  if (listed === undefined || listed.length >= SHARED_NAMES_MAX) return false;
  const names = new Map(listed.map(({ id, name }) => [id, name]));
  return [...hosts.values()].some(
    // A server before version 0.5 does not send the field.
    ({ id, name, nameIsShared }: Partial<Host>) => names.get(id!) !== (nameIsShared === true ? name : undefined),
  );
}

/**
 * Returns a text that contains the fields by which lists of hosts are filtered. It omits times and container counts,
 * which change with almost every report. Lists that are sorted by an omitted field are refetched when they reach their
 * maximum age.
 */
const filterKeyOf = ({ name, freshness, problems, engine, agentVersion, containersByState, labels }: Host): string =>
  JSON.stringify([
    name,
    labels,
    freshness,
    problems.map(({ code }) => code),
    engine,
    agentVersion,
    Object.keys(containersByState).sort(),
  ]);

/** Applies a `freshness` message. Hosts that the message does not list are online. */
function applyFreshness(client: QueryClient, freshnessById: ReadonlyMap<string, Freshness>, refresh: Refresh): void {
  const freshnessOf = ({ id }: Host): Freshness => freshnessById.get(id) ?? 'online';
  if ([...cachedHosts(client).values()].every((host) => host.freshness === freshnessOf(host))) return;
  updateHosts(client, (host) =>
    host.freshness === freshnessOf(host) ? host : { ...host, freshness: freshnessOf(host) },
  );
  for (const key of [['hosts', 'list'], ['fleet-map'], ['containers']]) refresh(key);
}
