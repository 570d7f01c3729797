import type { InfiniteData, QueryClient, QueryKey } from '@tanstack/react-query';

/**
 * Maximum number of pages of a list that is refreshed automatically. For a longer list, the user decides when to
 * reload it.
 */
const REFRESHED_PAGES_MAX = 3;

/**
 * Marks the queries whose keys start with `queryKey` (by default all queries) as stale, and refetches the queries on
 * the screen. A long list is only marked as stale, because refetching it takes one request per page and moves its rows.
 */
export function refresh(client: QueryClient, queryKey: QueryKey = []): void {
  void client.invalidateQueries({ queryKey, refetchType: 'none' });
  void client.refetchQueries({
    queryKey,
    type: 'active',
    predicate: ({ state }) => state.isInvalidated && pageCount(state.data) <= REFRESHED_PAGES_MAX,
  });
}

/** Changes within this time are combined into a single refresh (ms). */
const REFRESH_DELAY_MS = 2_000;

/**
 * Minimum time between two refreshes of the same key (ms). It limits the cost while changes occur constantly. After a
 * quiet period, a change is shown after `REFRESH_DELAY_MS`.
 */
const REFRESH_GAP_MS = 5_000;

/**
 * Minimum time between two refreshes of a topic with large responses (ms). In a large fleet, the list of problems
 * changes almost every second.
 */
const TOPIC_GAPS_MS: Readonly<Record<string, number>> = { attention: 10_000 };

export interface RefreshSchedule {
  /** Schedules a refresh of the queries with this key. */
  add: (key: readonly string[]) => void;
  /** Cancels all scheduled refreshes. */
  clear: () => void;
}

/** Creates a schedule that refreshes each key at a limited rate. */
export function createRefreshSchedule(client: QueryClient): RefreshSchedule {
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  const refreshedAt = new Map<string, number>();
  return {
    add(key) {
      const name = key.join();
      if (timers.has(name)) return;
      const gapMs = TOPIC_GAPS_MS[key[0] ?? ''] ?? REFRESH_GAP_MS;
      const earliestAt = (refreshedAt.get(name) ?? -Infinity) + gapMs;
      const run = (): void => {
        timers.delete(name);
        refreshedAt.set(name, Date.now());
        refresh(client, key);
      };
      timers.set(name, setTimeout(run, Math.max(REFRESH_DELAY_MS, earliestAt - Date.now())));
    },
    clear() {
      timers.forEach(clearTimeout);
      timers.clear();
    },
  };
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
