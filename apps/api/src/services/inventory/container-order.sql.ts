import type { ContainerQuery, ContainerSortKey } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { decodeCursor, requireSameSort } from '../../lib/cursor.js';
import { IMAGE_BEGINNING, NAME_BEGINNING, STATE_KEY } from './container-columns.sql.js';

/** The order of a list of containers (table alias `c`), and the position after which a page of the list begins. */
export interface ContainerOrder {
  /** The columns by which rows are sorted, for SELECT. The expressions in `by` refer to these columns by name. */
  keys: Prisma.Sql;
  /** The terms of ORDER BY. */
  by: Prisma.Sql;
  /** The condition that a row comes after the position. */
  isAfter: Prisma.Sql;
  /** An expression for the position of a row, as a list of texts for a cursor. */
  position: Prisma.Sql;
}

type SortColumn = readonly [sql: Prisma.Sql, kind: 'string' | 'instant' | 'uuid'];

const BY_NAME: SortColumn = [NAME_BEGINNING, 'string'];

/**
 * The columns by which each key sorts. None of these columns is ever null. All states unknown to Docker sort as one
 * state.
 */
const SORT_COLUMNS: Readonly<Record<ContainerSortKey, readonly SortColumn[]>> = {
  name: [BY_NAME],
  image: [[IMAGE_BEGINNING, 'string'], BY_NAME],
  state: [[Prisma.sql`(${STATE_KEY} COLLATE "C")`, 'string']],
  firstSeenAt: [[Prisma.sql`c."firstSeenAt"`, 'instant']],
  changedAt: [[Prisma.sql`c."changedAt"`, 'instant']],
};

const SQL_TYPES = { string: Prisma.sql`text`, instant: Prisma.sql`timestamptz`, uuid: Prisma.sql`uuid` };

/**
 * Returns the SQL for a query's sort order, such as the terms of ORDER BY and the condition that a row comes after the
 * query's cursor.
 */
export function containerOrder({ sort, cursor }: Pick<ContainerQuery, 'sort' | 'cursor'>): ContainerOrder {
  const columns: SortColumn[] = [
    ...SORT_COLUMNS[sort.key],
    [Prisma.sql`c."hostId"`, 'uuid'],
    [Prisma.sql`c."dockerId"`, 'string'],
  ];
  const [direction, comparison] = sort.descending ? ['DESC', '<'] : ['ASC', '>'];
  let isAfter = Prisma.sql`TRUE`;
  if (cursor !== undefined) {
    const [cursorSort, ...position] = decodeCursor(cursor, ['string', ...columns.map(([, kind]) => kind)]);
    requireSameSort(cursorSort, sort);
    const values = columns.map(([, kind], index) => Prisma.sql`${position[index]}::${SQL_TYPES[kind]}`);
    const row = Prisma.join(columns.map(([sql]) => sql));
    isAfter = Prisma.sql`(${row}) ${Prisma.raw(comparison)} (${Prisma.join(values)})`;
  }
  const keys = columns.map(([sql, kind], index) => ({ sql, kind, key: Prisma.raw(`key${index}`) }));
  return {
    keys: Prisma.join(keys.map(({ sql, key }) => Prisma.sql`${sql} AS ${key}`)),
    by: Prisma.join(keys.map(({ key }) => Prisma.sql`${key} ${Prisma.raw(direction)}`)),
    isAfter,
    position: Prisma.sql`ARRAY[${Prisma.join(keys.map(({ key, kind }) => toText(key, kind)))}]::text[]`,
  };
}

const toText = (key: Prisma.Sql, kind: SortColumn[1]): Prisma.Sql =>
  kind === 'instant'
    ? Prisma.sql`to_char(${key} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
    : Prisma.sql`${key}::text`;
