import type { SortKey } from './search';
import { nextSort, type Sort } from './sort';

/** A column header. If the user can sort by the column, the header contains a button that sorts by the column. */
export function ColumnHeader({
  column: { title, sort: key },
  sort,
  sortKeys,
  onSort,
}: {
  column: { title: string; sort?: SortKey };
  sort: Sort | undefined;
  sortKeys: readonly SortKey[];
  onSort: ((sort: Sort) => void) | undefined;
}) {
  if (key === undefined || !sortKeys.includes(key) || sort === undefined || onSort === undefined) {
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
      <button type="button" className="sort-button" onClick={() => onSort(nextSort(sort, key))}>
        {title}
        <span aria-hidden="true" className="sort-mark">
          {isSorted ? (sort.descending ? '↓' : '↑') : ''}
        </span>
      </button>
    </div>
  );
}
