import type { ContainerQuery, ContainerSortKey } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { IMAGE, imageBeginning, inHalf, type Presence } from './container-filters.js';

/** A list's order, from a place in it onwards. `c` is the row in all of this SQL. */
export interface ContainerWalk {
  /** Selects the first rows of it, in order, from an index that has it. */
  rows: (rowsMax: number) => Prisma.Sql;
  /** ORDER BY. */
  order: Prisma.Sql;
  /** Whether a row, wherever it was found, is of it: of the organization, of these halves, after the place. */
  holds: Prisma.Sql;
  /** A row's place, as texts: what a cursor is made of. */
  place: Prisma.Sql;
}

interface SortColumn {
  sql: Prisma.Sql;
  kind: 'string' | 'instant';
}

const NAME: SortColumn = { sql: Prisma.sql`(left(c.name, 200) COLLATE "C")`, kind: 'string' };

/**
 * What each sort key orders by, none of it ever null. Texts are cut to what an index entry can hold, and ordered by
 * code point, so that every database has the same order.
 */
const SORT_COLUMNS: Readonly<Record<ContainerSortKey, readonly SortColumn[]>> = {
  name: [NAME],
  image: [{ sql: IMAGE, kind: 'string' }, NAME],
  state: [{ sql: Prisma.sql`(c.state COLLATE "C")`, kind: 'string' }],
  firstSeenAt: [{ sql: Prisma.sql`c."firstSeenAt"`, kind: 'instant' }],
  changedAt: [{ sql: Prisma.sql`c."changedAt"`, kind: 'instant' }],
};

/** The kinds of the values that a place in this order has. */
export const placeKinds = (key: ContainerSortKey) =>
  [...SORT_COLUMNS[key].map(({ kind }) => kind), 'uuid', 'string'] as const;

/** Walks the halves of an organization's containers in the order of a query, after the place that a cursor names. */
export function containerWalk(
  organizationId: string,
  presences: readonly Presence[],
  { sort, image }: Pick<ContainerQuery, 'sort' | 'image'>,
  after: readonly string[] | null,
): ContainerWalk {
  const columns = SORT_COLUMNS[sort.key];
  const all = [...columns.map(({ sql }) => sql), Prisma.sql`c."hostId"`, Prisma.sql`c."dockerId"`];
  const direction = sort.descending ? Prisma.sql`DESC` : Prisma.sql`ASC`;
  const order = Prisma.join(all.map((sql) => Prisma.sql`${sql} ${direction}`));
  const ofOrganization = Prisma.sql`c."organizationId" = ${organizationId}`;
  const beyond =
    after === null ? Prisma.empty : Prisma.sql`AND ${comesAfter(all, columns, sort.descending, after)}`;

  // Of one image, the index of images has the order of names too.
  const sameImage =
    image?.length === 1 && (sort.key === 'name' || sort.key === 'image')
      ? Prisma.sql`AND ${IMAGE} = ${imageBeginning(image[0]!)}`
      : Prisma.empty;
  const ofHalf = (presence: Presence, rowsMax: number) => Prisma.sql`
    SELECT c.* FROM containers AS c
    WHERE ${ofOrganization} AND ${inHalf(presence)} ${beyond} ${sameImage}
    ORDER BY ${order} LIMIT ${rowsMax}::int`;
  const rows = (rowsMax: number) =>
    presences.length === 1
      ? ofHalf(presences[0]!, rowsMax)
      : Prisma.sql`
        SELECT c.* FROM (${Prisma.join(
          presences.map((presence) => Prisma.sql`(${ofHalf(presence, rowsMax)})`),
          ' UNION ALL ',
        )}) AS c
        ORDER BY ${order} LIMIT ${rowsMax}::int`;
  const holds = Prisma.sql`${ofOrganization} AND (${Prisma.join(presences.map(inHalf), ' OR ')}) ${beyond}`;
  return { rows, order, holds, place: placeOf(all, columns) };
}

function comesAfter(
  all: readonly Prisma.Sql[],
  columns: readonly SortColumn[],
  descending: boolean,
  after: readonly string[],
): Prisma.Sql {
  const values = after.map((value, index) => {
    if (index === columns.length) return Prisma.sql`${value}::uuid`;
    return columns[index]?.kind === 'instant' ? Prisma.sql`${value}::timestamptz` : Prisma.sql`${value}::text`;
  });
  const comparison = descending ? Prisma.sql`<` : Prisma.sql`>`;
  return Prisma.sql`(${Prisma.join([...all])}) ${comparison} (${Prisma.join(values)})`;
}

function placeOf(all: readonly Prisma.Sql[], columns: readonly SortColumn[]): Prisma.Sql {
  const texts = all.map((sql, index) =>
    columns[index]?.kind === 'instant'
      ? Prisma.sql`to_char(${sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
      : Prisma.sql`${sql}::text`,
  );
  return Prisma.sql`ARRAY[${Prisma.join(texts)}]::text[]`;
}
