import type { Host } from '@muster/contracts';
import type { InfiniteData, QueryClient } from '@tanstack/react-query';
import { hostQuery } from './queries';

interface HostPage {
  items: Host[];
  nextCursor: string | null;
  total?: number;
}
type HostPages = InfiniteData<HostPage>;

/** Changes the pages of all cached lists of hosts. Each list keeps its age, so that its next refetch is not delayed. */
function updatePages(client: QueryClient, update: (data: HostPages) => HostPages): void {
  for (const { queryKey, state } of client.getQueryCache().findAll({ queryKey: ['hosts', 'list'] })) {
    client.setQueryData<HostPages>(queryKey, (data) => data && update(data), { updatedAt: state.dataUpdatedAt });
  }
}

/** Returns the hosts of all cached lists by id. */
export function cachedHosts(client: QueryClient): Map<string, Host> {
  const hosts = new Map<string, Host>();
  for (const [, data] of client.getQueriesData<HostPages>({ queryKey: ['hosts', 'list'] })) {
    for (const { items } of data?.pages ?? []) for (const host of items) hosts.set(host.id, host);
  }
  return hosts;
}

/**
 * Replaces hosts in all cached lists. `update` returns the same object for a host that does not change. Pages and lists
 * without a changed host keep their identity, so that they are not rendered again.
 */
export function updateHosts(client: QueryClient, update: (host: Host) => Host): void {
  updatePages(client, (data) => {
    const pages = data.pages.map((page) => {
      const items = page.items.map(update);
      return items.some((host, index) => host !== page.items[index]) ? { ...page, items } : page;
    });
    return pages.some((page, index) => page !== data.pages[index]) ? { ...data, pages } : data;
  });
}

/** Removes deleted hosts from the cache. Even a long list, which is not refetched, then no longer shows them. */
export function removeHosts(client: QueryClient, hostIds: ReadonlySet<string>): void {
  for (const hostId of hostIds) client.removeQueries({ queryKey: hostQuery(hostId).queryKey, type: 'inactive' });
  updatePages(client, (data) => {
    const countOf = (pages: HostPage[]): number => pages.reduce((sum, { items }) => sum + items.length, 0);
    const pages = data.pages.map((page) =>
      page.items.some(({ id }) => hostIds.has(id))
        ? { ...page, items: page.items.filter(({ id }) => !hostIds.has(id)) }
        : page,
    );
    const removedCount = countOf(data.pages) - countOf(pages);
    if (removedCount === 0) return data;
    const recount = (page: HostPage): HostPage =>
      page.total === undefined ? page : { ...page, total: Math.max(0, page.total - removedCount) };
    return { ...data, pages: pages.map(recount) };
  });
}
