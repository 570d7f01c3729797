import type { InfiniteData, QueryClient, QueryKey } from '@tanstack/react-query';

/** Lists with more pages than this are not refreshed automatically: the user decides when to start over. */
const REFRESHED_PAGES_MAX = 3;

/**
 * Marks the queries under a key (by default all queries) as stale, and reads those on the screen again. A long list is
 * only marked (`isStale`), because reading it again takes one request per page and moves its rows.
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
 * Reads the queries on the screen again whose key starts with one of `keys` and whose last attempt is at least `ageMs`
 * old. Lists with more than a few pages are skipped.
 */
export function refreshOlderThan(client: QueryClient, keys: readonly string[], ageMs: number, now = Date.now()): void {
  void client.refetchQueries({
    type: 'active',
    predicate: ({ queryKey: [word], state }) =>
      keys.some((key) => key === word) &&
      state.fetchStatus === 'idle' &&
      now - Math.max(state.dataUpdatedAt, state.errorUpdatedAt) >= ageMs &&
      pageCount(state.data) <= REFRESHED_PAGES_MAX,
  });
}

const pageCount = (data: unknown): number =>
  typeof data === 'object' && data !== null && 'pages' in data ? (data as InfiniteData<unknown>).pages.length : 1;
