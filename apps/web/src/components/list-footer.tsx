import type { UseInfiniteQueryResult } from '@tanstack/react-query';
import { Button } from './button';
import { ErrorNote } from './error-note';

type List = Pick<
  UseInfiniteQueryResult,
  'hasNextPage' | 'isFetchingNextPage' | 'fetchNextPage' | 'isFetchNextPageError' | 'error'
>;

/** The footer of a paged list: a button that loads the next page, and the error if loading it failed. */
export function ListFooter({ list, what }: { list: List; what: string }) {
  if (!list.hasNextPage) return null;
  return (
    <div className="table-foot">
      <ErrorNote error={list.isFetchNextPageError ? list.error : null} />
      <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
        Show more {what}
      </Button>
    </div>
  );
}
