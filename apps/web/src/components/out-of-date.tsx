import { useQueryClient, type UseInfiniteQueryResult } from '@tanstack/react-query';

/**
 * Says of a long list that there are newer rows, and shows them from the start: it is not read again under whoever is
 * reading it.
 */
export function OutOfDate({
  of: list,
  queryKey,
}: {
  of: Pick<UseInfiniteQueryResult, 'isStale' | 'isFetching'>;
  queryKey: readonly unknown[];
}) {
  const client = useQueryClient();
  if (!list.isStale || list.isFetching) return null;
  return (
    <button type="button" className="chip" onClick={() => void client.resetQueries({ queryKey, exact: true })}>
      There are changes: show them
    </button>
  );
}
