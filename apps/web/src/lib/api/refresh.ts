import type { InfiniteData, QueryClient, QueryKey } from '@tanstack/react-query';

/** Lists that were read further than this are not read again by themselves: their reader decides when to start over. */
const PAGES_READ_AGAIN_MAX = 3;

/**
 * Marks what is kept under a key as out of date, all of it without one, and reads again what is on the screen. A long
 * list only learns that it is out of date (`isStale`), for reading it again costs a request a page and moves its rows.
 */
export function refresh(client: QueryClient, queryKey: QueryKey = []): void {
  void client.invalidateQueries({ queryKey, refetchType: 'none' });
  void client.refetchQueries({
    queryKey,
    type: 'active',
    predicate: ({ state }) => state.isInvalidated && pageCount(state.data) <= PAGES_READ_AGAIN_MAX,
  });
}

/**
 * Reads again what is on the screen of these keys (their first words) and was last read, or tried, longer ago. A list that
 * was read further than a few pages is left as it is.
 */
export function refreshOlderThan(client: QueryClient, keys: readonly string[], ageMs: number, now = Date.now()): void {
  void client.refetchQueries({
    type: 'active',
    predicate: ({ queryKey: [word], state }) =>
      keys.some((key) => key === word) &&
      state.fetchStatus === 'idle' &&
      now - Math.max(state.dataUpdatedAt, state.errorUpdatedAt) >= ageMs &&
      pageCount(state.data) <= PAGES_READ_AGAIN_MAX,
  });
}

const pageCount = (data: unknown): number =>
  typeof data === 'object' && data !== null && 'pages' in data ? (data as InfiniteData<unknown>).pages.length : 1;
