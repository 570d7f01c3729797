import type { Host } from '@muster/contracts';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { hostsQuery, type HostFilters } from '../../lib/api/queries';

const NO_ROWS: readonly Host[] = [];

/** Reads a list of hosts page by page. */
export function useHostList(filters: HostFilters) {
  const query = hostsQuery({ ...filters });
  const list = useInfiniteQuery(query);
  const { data, hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = list;
  const rows = useMemo(() => data?.pages.flatMap((page) => page.items) ?? NO_ROWS, [data]);
  const onNearEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage && !isFetchNextPageError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage]);
  // Hosts can be enrolled while the user scrolls, so more rows may be loaded than the total in the first page.
  const total = hasNextPage ? Math.max(rows.length + 1, data?.pages[0]?.total ?? 0) : rows.length;
  return {
    list,
    queryKey: query.queryKey,
    /** The hosts of all loaded pages, or undefined before the first page is loaded. */
    rows: data === undefined ? undefined : rows,
    /** The number of hosts that match the filters, including those that are not loaded. */
    total,
    onNearEnd,
  };
}
