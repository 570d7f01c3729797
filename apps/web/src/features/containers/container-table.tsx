import type { ContainerView } from '@muster/contracts';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useMemo, useRef, type CSSProperties, type KeyboardEvent } from 'react';
import { useIsNarrow } from '../../lib/media';
import { ColumnHeader } from './column-header';
import { COLUMN_DEFINITIONS } from './columns';
import { COLUMNS, type ColumnId } from './search';
import type { Sort } from './sort';

/** The height of a row in pixels, on a wide and on a narrow screen. */
const ROW_PX = 36;
const ROW_NARROW_PX = 64;

/** Number of rows that are rendered outside the visible area, so that fast scrolling shows no gaps. */
const OVERSCAN = 12;

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
  onSort,
  onNearEnd,
  label,
  inline = false,
}: {
  rows: readonly ContainerView[];
  /** The number of rows; -1 if unknown, as in `aria-rowcount`. */
  total: number;
  shownColumns: readonly ColumnId[];
  /** The sort order, if the user can change it. */
  sort?: Sort;
  onSort?: (sort: Sort) => void;
  onNearEnd: () => void;
  label: string;
  /** Whether the table grows with its rows instead of scrolling itself. */
  inline?: boolean;
}) {
  const isNarrow = useIsNarrow();
  const scroller = useRef<HTMLDivElement>(null);
  const columns = useMemo(
    () => ['name' as const, ...COLUMNS.filter((id) => shownColumns.includes(id))],
    [shownColumns],
  );
  const template = columns.map((id) => COLUMN_DEFINITIONS[id].width).join(' ');

  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (isNarrow ? ROW_NARROW_PX : ROW_PX),
    overscan: OVERSCAN,
  });
  useEffect(() => virtual.measure(), [virtual, isNarrow]);

  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const isNearEnd = last >= rows.length - READ_AHEAD_ROWS;
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
              <ColumnHeader key={id} facts={COLUMN_DEFINITIONS[id]} sort={sort} onSort={onSort} />
            ))}
          </div>
        </div>
        <div
          role="rowgroup"
          className="grid-body"
          style={{ height: virtual.getTotalSize() }}
          onKeyDown={(event) => goToRow(event, (index) => virtual.scrollToIndex(index))}
        >
          {items.map(({ index, start, size }) => {
            const container = rows[index]!;
            const key = `${container.hostId} ${container.dockerId}`;
            return <Row key={key} container={container} columns={columns} index={index} top={start} height={size} />;
          })}
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
  top,
  height,
}: {
  container: ContainerView;
  columns: readonly (ColumnId | 'name')[];
  index: number;
  top: number;
  height: number;
}) {
  return (
    <div role="row" aria-rowindex={index + 2} data-index={index} className="grid-row" style={{ top, height }}>
      {columns.map((id) => (
        <div key={id} role="cell" className={`grid-cell cell-${id}`}>
          {COLUMN_DEFINITIONS[id].cell(container)}
        </div>
      ))}
    </div>
  );
});

/** Moves the focus to the name in the next row for the Down key, and in the previous row for the Up key. */
function goToRow(event: KeyboardEvent<HTMLElement>, scrollTo: (index: number) => void): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = (event.target as HTMLElement).closest<HTMLElement>('[data-index]');
  if (step === undefined || row === null) return;
  event.preventDefault();
  const index = Number(row.dataset['index']) + step;
  scrollTo(Math.max(0, index));
  row.parentElement?.querySelector<HTMLElement>(`[data-index="${index}"] a`)?.focus({ preventScroll: true });
}
