import { memo, useEffect, useRef, type CSSProperties, type KeyboardEvent, type ReactNode } from 'react';
import { useIsNarrow } from '../lib/media';
import type { Sort } from '../lib/sort-order';
import { useRenderedRows } from './rendered-rows';

/** The height of a row on a wide screen, in pixels. */
const ROW_HEIGHT_PX = 36;

/** The height of a row on a narrow screen, in pixels. */
const NARROW_ROW_HEIGHT_PX = 64;

/** The next page is loaded when fewer than this number of loaded rows remain below the rendered rows. */
const READ_AHEAD_ROWS = 60;

/** The definition of a column. */
export interface Column<Item, SortKey extends string = string> {
  title: string;
  /** The API's sort key, if the API can sort by the column. */
  sort?: SortKey;
  /** The width as a CSS grid track. */
  width: string;
  /** Renders the cell of one item. */
  renderCell: (item: Item) => ReactNode;
  /** Renders the column's header in place of the title. */
  renderHeader?: () => ReactNode;
}

const NO_SORT_KEYS: readonly never[] = [];

/**
 * A table of any number of rows. It renders only the rows in and near the visible part, and calls `onNearEnd` when few
 * rows remain below the rendered rows. The arrow keys move between rows.
 */
export function VirtualTable<Item, ColumnId extends string, SortKey extends string>({
  rows,
  total,
  columns,
  definitions,
  keyOf,
  sort,
  sortKeys = NO_SORT_KEYS,
  onSort,
  onNearEnd,
  label,
  className = '',
  inline = false,
}: {
  rows: readonly Item[];
  /** The number of rows, or -1 if the number is unknown, as in `aria-rowcount`. */
  total: number;
  /**
   * The shown columns, in display order. The first link of a row must be the item's name, because the arrow keys move
   * the focus to this link.
   */
  columns: readonly ColumnId[];
  definitions: Readonly<Record<ColumnId, Column<Item, SortKey>>>;
  /** Returns a unique key of an item. */
  keyOf: (item: Item) => string;
  /** The sort order, if the user can change it. */
  sort?: Sort<SortKey> | undefined;
  /** The keys by which the user can sort. */
  sortKeys?: readonly SortKey[] | undefined;
  onSort?: ((key: SortKey) => void) | undefined;
  onNearEnd: () => void;
  label: string;
  className?: string;
  /** True if the table grows with its rows. By default, it has a fixed height and a scroll bar. */
  inline?: boolean | undefined;
}) {
  const isNarrow = useIsNarrow();
  const scroller = useRef<HTMLDivElement>(null);
  const template = columns.map((id) => definitions[id].width).join(' ');

  const rowHeightPx = isNarrow ? NARROW_ROW_HEIGHT_PX : ROW_HEIGHT_PX;
  const { start, end } = useRenderedRows(scroller, rows.length, rowHeightPx);
  const isNearEnd = end > rows.length - READ_AHEAD_ROWS;
  useEffect(() => {
    if (isNearEnd) onNearEnd();
  }, [isNearEnd, onNearEnd, rows.length]);

  // After the order changes, the table scrolls to its first row.
  const order = sort === undefined ? '' : `${sort.key} ${sort.descending}`;
  const previousOrder = useRef(order);
  useEffect(() => {
    if (previousOrder.current !== order) scroller.current?.scrollTo(0, 0);
    previousOrder.current = order;
  }, [order]);

  return (
    <div
      ref={scroller}
      className={`grid ${inline ? 'grid-inline' : ''} ${className}`}
      tabIndex={0}
      role="region"
      aria-label={label}
    >
      <div
        role="table"
        aria-label={label}
        aria-rowcount={total === -1 ? -1 : total + 1}
        className="grid-table"
        style={{ '--columns': template } as CSSProperties}
      >
        <div role="rowgroup" className="grid-head">
          <div role="row" aria-rowindex={1} className="grid-row">
            {columns.map((id) => (
              <ColumnHeader
                key={id}
                id={id}
                column={definitions[id] as Column<never>}
                sort={sort}
                sortKeys={sortKeys}
                onSort={onSort as ((key: string) => void) | undefined}
              />
            ))}
          </div>
        </div>
        <div
          role="rowgroup"
          className="grid-body"
          style={{ height: rows.length * rowHeightPx }}
          onKeyDown={focusAdjacentRow}
        >
          {rows.slice(start, end).map((item, offset) => (
            <Row
              key={keyOf(item)}
              item={item}
              columns={columns}
              definitions={definitions as Readonly<Record<string, Column<unknown>>>}
              index={start + offset}
              heightPx={rowHeightPx}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

/** A column header. If the user can sort by the column, the header contains a button that sorts by the column. */
function ColumnHeader({
  id,
  column: { title, sort: key, renderHeader },
  sort,
  sortKeys,
  onSort,
}: {
  id: string;
  column: Column<never>;
  sort: Sort | undefined;
  sortKeys: readonly string[];
  onSort: ((key: string) => void) | undefined;
}) {
  const className = `grid-cell head-${id}`;
  if (key === undefined || !sortKeys.includes(key) || sort === undefined || onSort === undefined) {
    return (
      <div role="columnheader" className={className}>
        {renderHeader === undefined ? title : renderHeader()}
      </div>
    );
  }
  const isSorted = sort.key === key;
  return (
    <div
      role="columnheader"
      aria-sort={isSorted ? (sort.descending ? 'descending' : 'ascending') : 'none'}
      className={className}
    >
      <button type="button" className="sort-button" onClick={() => onSort(key)}>
        {title}
        <span aria-hidden="true" className="sort-mark">
          {isSorted ? (sort.descending ? '↓' : '↑') : ''}
        </span>
      </button>
    </div>
  );
}

/** The row of an item. The component is memoized, so that scrolling does not render existing rows again. */
const Row = memo(function Row({
  item,
  columns,
  definitions,
  index,
  heightPx,
}: {
  item: unknown;
  columns: readonly string[];
  definitions: Readonly<Record<string, Column<unknown>>>;
  index: number;
  heightPx: number;
}) {
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      data-index={index}
      className="grid-row"
      style={{ top: index * heightPx, height: heightPx }}
    >
      {columns.map((id) => (
        <div key={id} role="cell" className={`grid-cell cell-${id}`}>
          {definitions[id]!.renderCell(item)}
        </div>
      ))}
    </div>
  );
});

/**
 * Moves the focus to the next row for the Down key, and to the previous row for the Up key. If a checkbox has the
 * focus, the focus moves to the checkbox of the new row. Otherwise, it moves to the name in the new row.
 */
function focusAdjacentRow(event: KeyboardEvent<HTMLElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const target = event.target as HTMLElement;
  const row = target.closest<HTMLElement>('[data-index]');
  if (step === undefined || row === null) return;
  event.preventDefault();
  const index = Number(row.dataset['index']) + step;
  const kind = target instanceof HTMLInputElement ? 'input' : 'a';
  const adjacentRow = row.parentElement?.querySelector<HTMLElement>(`[data-index="${index}"]`);
  adjacentRow?.querySelector<HTMLElement>(kind)?.focus({ preventScroll: true });
  (adjacentRow ?? row).scrollIntoView({ block: 'nearest' });
}
