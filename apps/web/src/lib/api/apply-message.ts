import type { Freshness, Host, Page, StreamMessage } from '@muster/contracts';
import type { InfiniteData, QueryClient } from '@tanstack/react-query';
import { hostQuery, staleKeysAfter, summaryQuery } from './queries';

type HostPages = InfiniteData<Page<Host>>;

/** Updates the query cache with one message of the live stream, and calls `refresh` for the keys to refetch. */
export function applyMessage(
  client: QueryClient,
  message: StreamMessage,
  refresh: (key: readonly string[]) => void,
): void {
  switch (message.event) {
    case 'summary':
      client.setQueryData(summaryQuery.queryKey, message.data);
      break;
    case 'host':
      applyHost(client, message.data, refresh);
      break;
    case 'freshness':
      applyFreshness(client, new Map(message.data.hosts.map(({ hostId, freshness }) => [hostId, freshness])), refresh);
      break;
    case 'unauthorized':
      client.setQueryData(['session'], null);
      break;
    case 'container':
    case 'host-deleted':
    case 'hosts-changed':
    case 'reset':
    case 'lagging':
    case 'caught-up':
    case 'heartbeat':
      break;
  }
  for (const key of staleKeysAfter(message.event)) refresh(key);
}

/** Returns the hosts of all cached lists. */
const cachedHosts = (client: QueryClient): Host[] =>
  client
    .getQueriesData<HostPages>({ queryKey: ['hosts', 'list'] })
    .flatMap(([, data]) => data?.pages.flatMap((page) => page.items) ?? []);

/** Updates the hosts in all cached lists. Each list keeps its age, so that its next refetch is not delayed. */
const updateHosts = (client: QueryClient, update: (host: Host) => Host): void => {
  for (const { queryKey, state } of client.getQueryCache().findAll({ queryKey: ['hosts', 'list'] })) {
    client.setQueryData<HostPages>(
      queryKey,
      (data) => data && { ...data, pages: data.pages.map((page) => ({ ...page, items: page.items.map(update) })) },
      { updatedAt: state.dataUpdatedAt },
    );
  }
};

function applyHost(client: QueryClient, host: Host, refresh: (key: readonly string[]) => void): void {
  const cachedHost = cachedHosts(client).find(({ id }) => id === host.id);
  client.setQueryData(hostQuery(host.id).queryKey, host);
  updateHosts(client, (cached) => (cached.id === host.id ? host : cached));
  if (cachedHost === undefined) refresh(['hosts', 'list']);
}

/** Applies a `freshness` message. Hosts that the message does not list are online. */
function applyFreshness(
  client: QueryClient,
  freshnessById: ReadonlyMap<string, Freshness>,
  refresh: (key: readonly string[]) => void,
): void {
  const freshnessOf = ({ id }: Host): Freshness => freshnessById.get(id) ?? 'online';
  if (cachedHosts(client).every((host) => host.freshness === freshnessOf(host))) return;
  updateHosts(client, (host) => ({ ...host, freshness: freshnessOf(host) }));
  refresh(['containers']);
}
