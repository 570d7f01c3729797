import type { Page } from '@muster/contracts';
import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Loading } from './empty-state';
import { ErrorNote } from './error-note';
import { ListFooter } from './list-footer';

/** A paged list in any state (loading, failed, empty or loaded), with a button that loads the next page. */
export function ListStates<T>({
  list,
  what,
  empty,
  children,
}: {
  list: UseInfiniteQueryResult<InfiniteData<Page<T>>>;
  /** The plural noun for the items, such as `images`. */
  what: string;
  empty: ReactNode;
  children: (items: readonly T[]) => ReactNode;
}) {
  if (list.isError && list.data === undefined) {
    return <ErrorNote error={list.error} onRetry={() => void list.refetch()} />;
  }
  if (list.data === undefined) return <Loading what={what} />;
  const items = list.data.pages.flatMap((page) => page.items);
  return (
    <>
      {items.length === 0 && !list.hasNextPage ? empty : children(items)}
      <ListFooter list={list} what={what} />
    </>
  );
}
