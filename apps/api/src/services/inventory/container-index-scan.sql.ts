import type { ContainerQuery, ContainerSortKey } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { IMAGE, imageBeginning, inHalf, STATE_KEY, type Presence } from './container-filters.sql.js';

/** The order of a list: what it sorts by, from a place in it onwards. `c` is the row in all of this SQL. */
export interface ContainerOrder {
  descending: boolean;
  /** ORDER BY. */
  by: Prisma.Sql;
  /** Whether a row comes after the place. */
  beyond: Prisma.Sql;
  /** A row's place, as texts: what a cursor is made of. */
  place: Prisma.Sql;
}

/** A way to read one half of an organization's containers in this order. */
export interface ContainerWalk {
  /**
   * Common table expressions, the last of them `walked`: of each row in order where it lies (`at`), its host, and
   * whether it `holds`; at most about `rowsMax` rows are read. No more of them than that, for wide rows by the thousand
   * would be written to disk.
   */
  tables: (rowsMax: number, holds: Prisma.Sql) => Prisma.Sql;
  /** Selects the place where `walked` ended for having read so many; nothing if it has all there is. */
  stoppedAt: (rowsMax: number) => Prisma.Sql;
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
  // States that are not Docker's come together, as `other`: hosts count no more of them.
  state: [{ sql: Prisma.sql`(${STATE_KEY} COLLATE "C")`, kind: 'string' }],
  firstSeenAt: [{ sql: Prisma.sql`c."firstSeenAt"`, kind: 'instant' }],
  changedAt: [{ sql: Prisma.sql`c."changedAt"`, kind: 'instant' }],
};

/** Comes after every character that an engine's id may have. */
const AFTER_EVERY_ID = '~';

/** What stands for `dockerId` in the place where a group ends. */
const groupEnd = (descending: boolean) => (descending ? '' : AFTER_EVERY_ID);

/** The kinds of the values that a place in this order has. */
export const placeKinds = (key: ContainerSortKey) =>
  [...SORT_COLUMNS[key].map(({ kind }) => kind), 'uuid', 'string'] as const;

/** The order of a query, after the place that its cursor names. */
export function containerOrder({ key, descending }: ContainerQuery['sort'], after: readonly string[] | null) {
  const columns: readonly (SortColumn | { sql: Prisma.Sql; kind: 'uuid' | 'string' })[] = [
    ...SORT_COLUMNS[key],
    { sql: Prisma.sql`c."hostId"`, kind: 'uuid' },
    { sql: Prisma.sql`c."dockerId"`, kind: 'string' },
  ];
  const expressions = columns.map(({ sql }) => sql);
  const places = columns.map(({ sql, kind }) => (kind === 'instant' ? instantText(sql) : Prisma.sql`${sql}::text`));
  return {
    descending,
    by: orderBy(expressions, descending),
    beyond:
      after === null
        ? Prisma.sql`TRUE`
        : isBeyond(
            expressions,
            after.map((value, i) => typed(value, columns[i]!.kind)),
            descending,
          ),
    place: Prisma.sql`ARRAY[${Prisma.join(places)}]::text[]`,
  } satisfies ContainerOrder;
}

/** The images, as beginnings, that are to be walked one by one for a query: their index has the order of names too. */
export function imagesToWalk({ sort, image }: Pick<ContainerQuery, 'sort' | 'image'>): readonly (string | null)[] {
  const images = [...new Set(image?.map(imageBeginning))];
  const inOrder = sort.key === 'name' || sort.key === 'image';
  return inOrder && images.length > 0 && images.length <= IMAGES_WALKED_MAX ? images : [null];
}

/** Each is a statement of its own. */
const IMAGES_WALKED_MAX = 4;

/** A walk along one half in an order, or along what one image, given by its beginning, has of it. */
export function containerWalk(
  organizationId: string,
  half: Presence,
  sort: ContainerQuery['sort'],
  after: readonly string[] | null,
  image: string | null,
): ContainerWalk {
  const order = containerOrder(sort, after);
  if (half === 'present' && sort.key === 'state') return statesWalk(organizationId, order, after);
  if (half === 'present' && sort.key === 'changedAt') return changesWalk(organizationId, order, after);
  if (sort.key === 'state') return removedHostsWalk(organizationId, order, after);
  if (sort.key === 'changedAt') {
    // For a removed container that is when it was removed.
    const columns = [Prisma.sql`c."removedAt"`, Prisma.sql`c."hostId"`, Prisma.sql`c."dockerId"`];
    const beyond =
      after &&
      isBeyond(
        columns,
        [typed(after[0]!, 'instant'), typed(after[1]!, 'uuid'), typed(after[2]!, 'string')],
        sort.descending,
      );
    return indexWalk(organizationId, half, {
      ...order,
      by: orderBy(columns, sort.descending),
      beyond: beyond ?? order.beyond,
    });
  }
  return indexWalk(organizationId, half, order, image === null ? undefined : Prisma.sql`${IMAGE} = ${image}`);
}

/** Along an index that has this order but for `dockerId`, by which the planner sorts the few rows that are equal. */
function indexWalk(
  organizationId: string,
  half: Presence,
  { by, beyond, place }: ContainerOrder,
  condition = Prisma.sql`TRUE`,
): ContainerWalk {
  return {
    tables: (rowsMax, holds) => Prisma.sql`walked AS MATERIALIZED (
      SELECT c.ctid AS at, c."hostId", ${holds} AS holds FROM containers AS c
      WHERE c."organizationId" = ${organizationId} AND ${inHalf(half)} AND ${beyond} AND ${condition}
      ORDER BY ${by} LIMIT ${rowsMax}::int)`,
    stoppedAt: (rowsMax) => Prisma.sql`
      SELECT ${place} FROM containers AS c WHERE c.ctid = (SELECT at FROM walked OFFSET ${rowsMax - 1}::int LIMIT 1)`,
  };
}

/** Removed containers are all `exited`: in the order of state they come by host. */
function removedHostsWalk(organizationId: string, order: ContainerOrder, after: readonly string[] | null) {
  const columns = [Prisma.sql`c."hostId"`, Prisma.sql`c."dockerId"`];
  let beyond = Prisma.sql`TRUE`;
  if (after?.[0] === 'exited') {
    beyond = isBeyond(columns, [typed(after[1]!, 'uuid'), typed(after[2]!, 'string')], order.descending);
  } else if (after) {
    const { comparison } = directionOf(order.descending);
    beyond = Prisma.sql`'exited' ${comparison} (${after[0]}::text COLLATE "C")`;
  }
  return indexWalk(organizationId, 'removed', { ...order, by: orderBy(columns, order.descending), beyond });
}

/** Along the states and, within each, the hosts that have any container in it: no index of containers has a state. */
function statesWalk(organizationId: string, order: ContainerOrder, after: readonly string[] | null): ContainerWalk {
  const key = [Prisma.sql`(keys.state COLLATE "C")`, Prisma.sql`h.id`];
  return groupsWalk(
    order,
    Prisma.sql`
    SELECT h.id AS "hostId", keys.state, h."containerCount"
    FROM hosts AS h CROSS JOIN LATERAL (
      SELECT DISTINCT ${STATE_KEY} AS state
      FROM jsonb_object_keys(h."stateCounts") AS c (state) WHERE c.state NOT LIKE 'health:%'
    ) AS keys
    WHERE h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL
      AND ${fromGroup(key, 'string', after, order.descending)}
    ORDER BY ${orderBy(key, order.descending)} LIMIT ${GROUPS_MAX}::int`,
    {
      member: Prisma.sql`${STATE_KEY} = g.state`,
      place: Prisma.sql`ARRAY[g.state, g."hostId"::text, ${groupEnd(order.descending)}]::text[]`,
    },
  );
}

/** Along the instants at which hosts had containers change: no index of containers has that instant. */
function changesWalk(organizationId: string, order: ContainerOrder, after: readonly string[] | null): ContainerWalk {
  const key = [Prisma.sql`changes."changedAt"`, Prisma.sql`changes."hostId"`];
  return groupsWalk(
    order,
    Prisma.sql`
    SELECT changes."hostId", changes."changedAt",
      -- Not a join, for which the planner would read every host. A host that is gone has no containers.
      COALESCE((SELECT h."containerCount" FROM hosts AS h WHERE h.id = changes."hostId"), 0) AS "containerCount"
    FROM container_changes AS changes
    WHERE changes."organizationId" = ${organizationId} AND ${fromGroup(key, 'instant', after, order.descending)}
    ORDER BY ${orderBy(key, order.descending)} LIMIT ${GROUPS_MAX}::int`,
    {
      member: Prisma.sql`c."changedAt" = g."changedAt"`,
      place: Prisma.sql`ARRAY[${instantText(Prisma.sql`g."changedAt"`)}, g."hostId"::text, ${groupEnd(order.descending)}]::text[]`,
    },
  );
}

/** More than a page has rows, and no more than may be read for one. */
const GROUPS_MAX = 400;

/**
 * Along groups, each of some present containers of one host, all of whose rows are read to find them. `groups` selects
 * them in order, with how many rows that is; they are taken until that is `rowsMax`.
 */
function groupsWalk(
  { by, beyond }: ContainerOrder,
  groups: Prisma.Sql,
  { member, place }: { member: Prisma.Sql; place: Prisma.Sql },
): ContainerWalk {
  return {
    tables: (rowsMax, holds) => Prisma.sql`numbered AS MATERIALIZED (
      SELECT *, row_number() OVER () AS number, sum("containerCount" + 1) OVER (ROWS UNBOUNDED PRECEDING) AS cost
      FROM (${groups}) AS ordered
    ), taken AS MATERIALIZED (
      SELECT * FROM numbered WHERE number = 1 OR cost <= ${rowsMax}::int
    ), walked AS MATERIALIZED (
      SELECT c.at, c."hostId", ${holds} AS holds FROM taken AS g CROSS JOIN LATERAL (
        SELECT c.ctid AS at, c.* FROM containers AS c
        WHERE c."hostId" = g."hostId" AND c."removedAt" IS NULL AND ${member} AND ${beyond} OFFSET 0
      ) AS c
      ORDER BY ${by}
    )`,
    stoppedAt: () => Prisma.sql`
      SELECT ${place} FROM taken AS g
      WHERE number = (SELECT count(*) FROM taken)
        AND (number < (SELECT count(*) FROM numbered) OR number = ${GROUPS_MAX}::int)`,
  };
}

/** Whether a group is the one in which the place lies, unless that is where it ends, or a later one. */
function fromGroup(
  key: readonly Prisma.Sql[],
  kind: 'string' | 'instant',
  after: readonly string[] | null,
  descending: boolean,
): Prisma.Sql {
  if (after === null) return Prisma.sql`TRUE`;
  const { comparison, orSame } = directionOf(descending);
  const ended = after[2] === groupEnd(descending);
  return Prisma.sql`(${Prisma.join([...key])}) ${ended ? comparison : orSame} (${typed(after[0]!, kind)}, ${typed(after[1]!, 'uuid')})`;
}

const directionOf = (descending: boolean) =>
  descending
    ? { direction: Prisma.sql`DESC`, comparison: Prisma.sql`<`, orSame: Prisma.sql`<=` }
    : { direction: Prisma.sql`ASC`, comparison: Prisma.sql`>`, orSame: Prisma.sql`>=` };

const orderBy = (expressions: readonly Prisma.Sql[], descending: boolean) =>
  Prisma.join(expressions.map((sql) => Prisma.sql`${sql} ${directionOf(descending).direction}`));

const isBeyond = (expressions: readonly Prisma.Sql[], values: readonly Prisma.Sql[], descending: boolean) =>
  Prisma.sql`(${Prisma.join([...expressions])}) ${directionOf(descending).comparison} (${Prisma.join([...values])})`;

function typed(value: string, kind: 'string' | 'instant' | 'uuid'): Prisma.Sql {
  if (kind === 'uuid') return Prisma.sql`${value}::uuid`;
  return kind === 'instant' ? Prisma.sql`${value}::timestamptz` : Prisma.sql`${value}::text`;
}

const instantText = (sql: Prisma.Sql) =>
  Prisma.sql`to_char(${sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
