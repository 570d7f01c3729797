import type { Freshness, Host, Page, StreamMessage } from '@muster/contracts';
import type { InfiniteData, QueryClient } from '@tanstack/react-query';
import { hostQuery, staleAfter, summaryQuery } from './queries';

type HostPages = InfiniteData<Page<Host>>;

/** Brings what is kept up to date with one message of the stream; what it cannot say itself is read again. */
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
      break;
  }
  for (const key of staleAfter(message.event)) refresh(key);
}

/** The hosts of all lists that are kept. */
const knownHosts = (client: QueryClient): Host[] =>
  client
    .getQueriesData<HostPages>({ queryKey: ['hosts', 'list'] })
    .flatMap(([, data]) => data?.pages.flatMap((page) => page.items) ?? []);

/** Changes single hosts of the lists. The lists stay as old as they were, so that they are still read again in time. */
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
  const known = knownHosts(client).find(({ id }) => id === host.id);
  client.setQueryData(hostQuery(host.id).queryKey, host);
  updateHosts(client, (other) => (other.id === host.id ? host : other));
  if (known === undefined) refresh(['hosts', 'list']);
}

/** Hosts that are not named are online. */
function applyFreshness(
  client: QueryClient,
  told: ReadonlyMap<string, Freshness>,
  refresh: (key: readonly string[]) => void,
): void {
  const freshnessOf = ({ id }: Host): Freshness => told.get(id) ?? 'online';
  if (knownHosts(client).every((host) => host.freshness === freshnessOf(host))) return;
  updateHosts(client, (host) => ({ ...host, freshness: freshnessOf(host) }));
  refresh(['containers']);
}
