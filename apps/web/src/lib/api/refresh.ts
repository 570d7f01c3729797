import type { InfiniteData, QueryClient, QueryKey } from '@tanstack/react-query';

/**
 * Maximum number of pages of a list that is refreshed automatically. For a longer list, the user decides when to
 * reload it.
 */
const REFRESHED_PAGES_MAX = 3;

/**
 * Marks the queries whose keys start with `queryKey` (by default all queries) as stale, and refetches those on the
 * screen. A long list is only marked as stale, because refetching it takes one request per page and moves its rows.
 */
export function refresh(client: QueryClient, queryKey: QueryKey = []): void {
  void client.invalidateQueries({ queryKey, refetchType: 'none' });
  void client.refetchQueries({
    queryKey,
    type: 'active',
    predicate: ({ state }) => state.isInvalidated && pageCount(state.data) <= REFRESHED_PAGES_MAX,
  });
}

/**
 * Refetches the queries on the screen that have one of these topics and were last attempted at least `ageMs` ago. Lists
 * with more than `REFRESHED_PAGES_MAX` pages are skipped.
 */
export function refreshOlderThan(
  client: QueryClient,
  topics: readonly string[],
  ageMs: number,
  now = Date.now(),
): void {
  void client.refetchQueries({
    type: 'active',
    predicate: ({ queryKey: [topic], state }) =>
      topics.some((name) => name === topic) &&
      state.fetchStatus === 'idle' &&
      now - Math.max(state.dataUpdatedAt, state.errorUpdatedAt) >= ageMs &&
      pageCount(state.data) <= REFRESHED_PAGES_MAX,
  });
}

const pageCount = (data: unknown): number =>
  typeof data === 'object' && data !== null && 'pages' in data ? (data as InfiniteData<unknown>).pages.length : 1;
