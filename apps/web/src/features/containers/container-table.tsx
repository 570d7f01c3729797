import type { ContainerView } from '@muster/contracts';
import { memo, useEffect, useMemo, useRef, type CSSProperties, type KeyboardEvent } from 'react';
import { useIsNarrow } from '../../lib/media';
import { ColumnHeader } from './column-header';
import { COLUMN_DEFINITIONS } from './columns';
import { useRenderedRows } from './rendered-rows';
import { COLUMNS, type ColumnId, type SortKey } from './search';
import type { Sort } from './sort';

/** The height of a row on a wide screen, in pixels. */
const ROW_HEIGHT_PX = 36;

/** The height of a row on a narrow screen, in pixels. */
const NARROW_ROW_HEIGHT_PX = 64;

const NO_SORT_KEYS: readonly SortKey[] = [];

/** Number of remaining rows at which the next page is loaded. */
const READ_AHEAD_ROWS = 60;

/**
 * A table of any number of containers. It renders only the visible rows and calls `onNearEnd` when the last rows become
 * visible. The arrow keys move between rows.
 */
export function ContainerTable({
  rows,
  total,
  shownColumns,
  sort,
  sortKeys = NO_SORT_KEYS,
  onSort,
  onNearEnd,
  label,
  inline = false,
}: {
  rows: readonly ContainerView[];
  /** The number of rows, or -1 if the number is unknown, as in `aria-rowcount`. */
  total: number;
  shownColumns: readonly ColumnId[];
  /** The sort order, if the user can change it. */
  sort?: Sort;
  /** The keys by which the user can sort. */
  sortKeys?: readonly SortKey[];
  onSort?: (sort: Sort) => void;
  onNearEnd: () => void;
  label: string;
  /** True if the table grows with its rows. By default, it has a fixed height and a scroll bar. */
  inline?: boolean;
}) {
  const isNarrow = useIsNarrow();
  const scroller = useRef<HTMLDivElement>(null);
  const columns = useMemo(
    () => ['name' as const, ...COLUMNS.filter((id) => shownColumns.includes(id))],
    [shownColumns],
  );
  const template = columns.map((id) => COLUMN_DEFINITIONS[id].width).join(' ');

  const rowHeightPx = isNarrow ? NARROW_ROW_HEIGHT_PX : ROW_HEIGHT_PX;
  const { start, end } = useRenderedRows(scroller, rows.length, rowHeightPx);
  const isNearEnd = end > rows.length - READ_AHEAD_ROWS;
  useEffect(() => {
    if (isNearEnd) onNearEnd();
  }, [isNearEnd, onNearEnd, rows.length]);

  return (
    <div ref={scroller} className={inline ? 'grid grid-inline' : 'grid'} tabIndex={0} role="region" aria-label={label}>
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
              <ColumnHeader key={id} column={COLUMN_DEFINITIONS[id]} sort={sort} sortKeys={sortKeys} onSort={onSort} />
            ))}
          </div>
        </div>
        <div
          role="rowgroup"
          className="grid-body"
          style={{ height: rows.length * rowHeightPx }}
          onKeyDown={focusAdjacentRow}
        >
          {rows.slice(start, end).map((container, offset) => (
            <Row
              key={`${container.hostId} ${container.dockerId}`}
              container={container}
              columns={columns}
              index={start + offset}
              heightPx={rowHeightPx}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

/** A container as a row. It is memoized, so that scrolling renders only rows that become visible. */
const Row = memo(function Row({
  container,
  columns,
  index,
  heightPx,
}: {
  container: ContainerView;
  columns: readonly (ColumnId | 'name')[];
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
          {COLUMN_DEFINITIONS[id].renderCell(container)}
        </div>
      ))}
    </div>
  );
});

/** Moves the focus to the name in the next row for the Down key, and in the previous row for the Up key. */
function focusAdjacentRow(event: KeyboardEvent<HTMLElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = (event.target as HTMLElement).closest<HTMLElement>('[data-index]');
  if (step === undefined || row === null) return;
  event.preventDefault();
  const index = Number(row.dataset['index']) + step;
  const adjacentRow = row.parentElement?.querySelector<HTMLElement>(`[data-index="${index}"]`);
  adjacentRow?.querySelector('a')?.focus({ preventScroll: true });
  (adjacentRow ?? row).scrollIntoView({ block: 'nearest' });
}
