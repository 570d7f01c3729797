import { useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo } from 'react';
import { containersQuery, type ContainerFilters } from '../../lib/api/queries';
import { mergeRecreations, type ContainerRow } from './recreations';

const NO_ITEMS: readonly ContainerRow[] = [];

/**
 * Reads a list of containers page by page. A page is incomplete if the API would need too long to find enough matches
 * for it. If no match has been found yet, the page after an incomplete page is requested automatically. Otherwise, that
 * page is requested only when the user asks for it. The two containers of a recreation by Compose are one row.
 */
export function useContainerList(filters: ContainerFilters) {
  const query = containersQuery(filters);
  const list = useInfiniteQuery(query);
  const { data, hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = list;
  const items = useMemo(() => data?.pages.flatMap((page) => page.items) ?? NO_ITEMS, [data]);
  const rows = useMemo(() => mergeRecreations(items), [items]);
  const mergedCount = items.length - rows.length;
  const isIncomplete = hasNextPage && data?.pages.at(-1)?.incomplete === true;
  const isSearching = isIncomplete && rows.length === 0;
  const loadNextPage = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage && !isFetchNextPageError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage]);
  const loadNextPageOfComplete = useCallback(() => {
    if (!isIncomplete) loadNextPage();
  }, [isIncomplete, loadNextPage]);
  useEffect(() => {
    if (isSearching) loadNextPage();
  }, [isSearching, loadNextPage]);
  const { total: countedTotal, totalIsExact } = data?.pages[0] ?? {};
  return {
    list,
    queryKey: query.queryKey,
    /** The containers of all loaded pages, or undefined before the first page is loaded. */
    rows: data === undefined ? undefined : rows,
    /** Number of containers, or -1 if unknown. */
    total: !hasNextPage
      ? rows.length
      : countedTotal === undefined || totalIsExact === false
        ? -1
        : Math.max(countedTotal - mergedCount, rows.length + 1),
    /** Lower bound of the number of containers. */
    totalMin: Math.max(rows.length, hasNextPage ? (countedTotal ?? 0) - mergedCount : 0),
    isIncomplete,
    /** Whether the search continues because no match has been found yet. */
    isSearching,
    /** Requests the next page, for example after the user asked for it. */
    loadNextPage,
    /** Requests the next page when the user reaches the end, unless the last page was incomplete. */
    onNearEnd: loadNextPageOfComplete,
  };
}
