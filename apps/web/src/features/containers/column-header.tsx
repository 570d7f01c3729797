import type { SortKey } from './search';
import type { Sort } from './sort';

/** Which order comes first: what changed last is wanted more often than what changed first. */
const DESCENDING_FIRST: ReadonlySet<SortKey> = new Set(['changedAt', 'firstSeenAt']);

/** A column's head; where the API can order by it, a button that does. */
export function ColumnHeader({
  facts: { title, sort: key },
  sort,
  onSort,
}: {
  facts: { title: string; sort?: SortKey };
  sort: Sort | undefined;
  onSort: ((sort: Sort) => void) | undefined;
}) {
  if (key === undefined || sort === undefined || onSort === undefined) {
    return (
      <div role="columnheader" className="grid-cell">
        {title}
      </div>
    );
  }
  const isSorted = sort.key === key;
  return (
    <div
      role="columnheader"
      aria-sort={isSorted ? (sort.descending ? 'descending' : 'ascending') : 'none'}
      className="grid-cell"
    >
      <button
        type="button"
        className="sort-button"
        onClick={() => onSort({ key, descending: isSorted ? !sort.descending : DESCENDING_FIRST.has(key) })}
      >
        {title}
        <span aria-hidden="true" className="sort-mark">
          {isSorted ? (sort.descending ? '↓' : '↑') : ''}
        </span>
      </button>
    </div>
  );
}
