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
    case 'reset':
      break;
  }
  for (const key of staleAfter(message.event)) refresh(key);
}

const updateHosts = (client: QueryClient, update: (host: Host) => Host): void => {
  client.setQueriesData<HostPages>({ queryKey: ['hosts', 'list'] }, (data) =>
    data === undefined
      ? data
      : { ...data, pages: data.pages.map((page) => ({ ...page, items: page.items.map(update) })) },
  );
};

function applyHost(client: QueryClient, host: Host, refresh: (key: readonly string[]) => void): void {
  client.setQueryData(hostQuery(host.id).queryKey, host);
  let isKnown = false;
  let hadOtherFreshness = false;
  updateHosts(client, (known) => {
    if (known.id !== host.id) return known;
    isKnown = true;
    hadOtherFreshness = known.freshness !== host.freshness;
    return host;
  });
  if (!isKnown) refresh(['hosts', 'list']);
  // Each container of the host tells how fresh it is, too.
  if (hadOtherFreshness) refresh(['containers']);
}

/** Hosts that are not named are online. */
function applyFreshness(
  client: QueryClient,
  told: ReadonlyMap<string, Freshness>,
  refresh: (key: readonly string[]) => void,
): void {
  let changed = false;
  updateHosts(client, (host) => {
    const freshness = told.get(host.id) ?? 'online';
    changed ||= freshness !== host.freshness;
    return freshness === host.freshness ? host : { ...host, freshness };
  });
  if (changed) refresh(['containers']);
}
