import type { ContainerView } from '@muster/contracts';
import { useMemo } from 'react';
import { VirtualTable } from '../../components/virtual-table';
import type { Sort } from '../../lib/sort-order';
import { COLUMN_DEFINITIONS } from './columns';
import type { ContainerRow } from './recreations';
import { COLUMNS, type ColumnId, type SortKey } from './search';
import { nextSort } from './sort';

const keyOf = ({ hostId, dockerId }: ContainerView): string => `${hostId} ${dockerId}`;

/** A table of any number of containers. */
export function ContainerTable({
  shownColumns,
  sort,
  onSort,
  ...rest
}: {
  rows: readonly ContainerRow[];
  /** The number of rows, or -1 if the number is unknown. */
  total: number;
  shownColumns: readonly ColumnId[];
  /** The sort order, if the user can change it. */
  sort?: Sort<SortKey>;
  /** The keys by which the user can sort. */
  sortKeys?: readonly SortKey[];
  onSort?: (sort: Sort<SortKey>) => void;
  onNearEnd: () => void;
  label: string;
  /** True if the table grows with its rows. By default, it has a fixed height and a scroll bar. */
  inline?: boolean;
}) {
  const columns = useMemo(
    () => ['name' as const, ...COLUMNS.filter((id) => shownColumns.includes(id))],
    [shownColumns],
  );
  return (
    <VirtualTable
      {...rest}
      columns={columns}
      definitions={COLUMN_DEFINITIONS}
      keyOf={keyOf}
      sort={sort}
      onSort={sort && onSort && ((key: SortKey) => onSort(nextSort(sort, key)))}
    />
  );
}
