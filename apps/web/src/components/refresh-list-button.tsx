import { useQueryClient, type UseInfiniteQueryResult } from '@tanstack/react-query';

/**
 * A button that appears when a long list is stale, and reloads the list from its start. Long lists are not refreshed
 * automatically, because their rows would move while the user reads them.
 */
export function RefreshListButton({
  list,
  queryKey,
}: {
  list: Pick<UseInfiniteQueryResult, 'isStale' | 'isFetching'>;
  queryKey: readonly unknown[];
}) {
  const client = useQueryClient();
  if (!list.isStale || list.isFetching) return null;
  return (
    <button type="button" className="chip" onClick={() => void client.resetQueries({ queryKey, exact: true })}>
      New data – refresh
    </button>
  );
}
