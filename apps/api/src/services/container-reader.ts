import {
  canonicalContainer,
  type ContainerQuery,
  type ContainerSortKey,
  type ContainerView,
  type Health,
  type Labels,
  type Page,
  type Port,
} from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { decodeCursor, encodeCursor } from '../domain/cursor.js';
import { containersFreshness, type FreshnessContext, type HostSigns } from '../domain/freshness.js';
import { InvalidRequestError, NotFoundError } from '../errors.js';
import type { OperatorIdentity } from './api-key.js';
import type { ReadFreshnessContext } from './freshness-context.js';

export interface ContainerReader {
  /** The organization's containers, filtered and in order; a page's cursor holds for the order it was given in. */
  list(operator: OperatorIdentity, query: ContainerQuery): Promise<Page<ContainerView>>;

  /** One container, present or removed. @throws NotFoundError if the organization has no such container. */
  get(operator: OperatorIdentity, hostId: string, dockerId: string): Promise<ContainerView>;
}

interface ContainerViewRow extends HostSigns {
  hostId: string;
  hostName: string;
  dockerId: string;
  name: string;
  image: string;
  imageId: string | null;
  command: string;
  state: string;
  status: string;
  ports: Port[];
  labels: Labels;
  startedAt: Date | null;
  health: Health | null;
  exitCode: number | null;
  firstSeenAt: Date;
  changedAt: Date;
  removedAt: Date | null;
}

/**
 * What each sort key orders by, none of it ever null. Texts are cut to what an index entry can hold, and ordered by
 * code point, so that every database has the same order.
 */
const SORT_COLUMNS: Readonly<Record<ContainerSortKey, { column: Prisma.Sql; kind: 'string' | 'instant' }>> = {
  name: { column: Prisma.sql`(left(c.name, 200) COLLATE "C")`, kind: 'string' },
  image: { column: Prisma.sql`(left(c.image, 200) COLLATE "C")`, kind: 'string' },
  state: { column: Prisma.sql`(c.state COLLATE "C")`, kind: 'string' },
  firstSeenAt: { column: Prisma.sql`c."firstSeenAt"`, kind: 'instant' },
  changedAt: { column: Prisma.sql`c."changedAt"`, kind: 'instant' },
};

const SELECTED = Prisma.sql`
  c."hostId"::text AS "hostId", h.name AS "hostName", h."lastSeenAt", h."confirmedAt", h."engineError",
  c."dockerId", c.name, c.image, c."imageId", c.command, c.state, c.status, c.ports, c.labels, c."startedAt",
  c.health, c."exitCode", c."firstSeenAt", c."changedAt", c."removedAt"`;

export function createContainerReader({ prisma }: Database, freshnessContext: ReadFreshnessContext): ContainerReader {
  return {
    async list({ organizationId }, query) {
      const { column, kind } = SORT_COLUMNS[query.sort.key];
      const direction = query.sort.descending ? Prisma.sql`DESC` : Prisma.sql`ASC`;
      const conditions = [
        Prisma.sql`h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL`,
        ...filters(query),
      ];
      if (query.cursor !== undefined) conditions.push(after(query.cursor, query.sort, column, kind));
      const [rows, context] = await Promise.all([
        prisma.$queryRaw<(ContainerViewRow & { sortValue: string | Date })[]>(Prisma.sql`
          SELECT ${SELECTED}, ${column} AS "sortValue"
          FROM containers AS c JOIN hosts AS h ON h.id = c."hostId"
          WHERE ${Prisma.join(conditions, ' AND ')}
          ORDER BY ${column} ${direction}, c."hostId" ${direction}, c."dockerId" ${direction}
          LIMIT ${query.limit + 1}::int`),
        freshnessContext(),
      ]);
      const items = rows.slice(0, query.limit);
      const last = rows.length > query.limit ? items.at(-1) : undefined;
      return {
        items: items.map((row) => toView(row, context)),
        nextCursor: last
          ? encodeCursor([sortName(query.sort), textOf(last.sortValue), last.hostId, last.dockerId])
          : null,
      };
    },

    async get({ organizationId }, hostId, dockerId) {
      const [[row], context] = await Promise.all([
        prisma.$queryRaw<ContainerViewRow[]>(Prisma.sql`
          SELECT ${SELECTED}
          FROM containers AS c JOIN hosts AS h ON h.id = c."hostId"
          WHERE c."hostId" = ${hostId}::uuid AND c."dockerId" = ${dockerId}
            AND h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL`),
        freshnessContext(),
      ]);
      if (row === undefined) throw new NotFoundError('container');
      return toView(row, context);
    },
  };
}

const sortName = ({ key, descending }: ContainerQuery['sort']) => (descending ? `-${key}` : key);

const textOf = (value: string | Date) => (value instanceof Date ? value.toISOString() : value);

/** The condition that a row comes after the one that a cursor names, in this order. */
function after(
  cursor: string,
  sort: ContainerQuery['sort'],
  column: Prisma.Sql,
  kind: 'string' | 'instant',
): Prisma.Sql {
  const [order, value, hostId, dockerId] = decodeCursor(cursor, ['string', kind, 'uuid', 'string']);
  if (order !== sortName(sort)) {
    throw new InvalidRequestError('The request is not valid.', [
      { path: '/cursor', message: `was given for sort=${order.slice(0, 32)}; send it with the same sort` },
    ]);
  }
  const comparison = sort.descending ? Prisma.sql`<` : Prisma.sql`>`;
  const sortValue = kind === 'instant' ? Prisma.sql`${value}::timestamptz` : Prisma.sql`${value}::text`;
  return Prisma.sql`(${column}, c."hostId", c."dockerId") ${comparison} (${sortValue}, ${hostId}::uuid, ${dockerId})`;
}

/** One condition for each filter that the query has. */
function filters({ hostId, state, health, image, label, q, presence }: ContainerQuery): Prisma.Sql[] {
  const conditions: Prisma.Sql[] = [];
  if (presence !== 'all') {
    conditions.push(presence === 'present' ? Prisma.sql`c."removedAt" IS NULL` : Prisma.sql`c."removedAt" IS NOT NULL`);
  }
  if (hostId) conditions.push(Prisma.sql`c."hostId" = ANY (${hostId}::uuid[])`);
  if (state) conditions.push(Prisma.sql`c.state = ANY (${state}::text[])`);
  if (health) conditions.push(Prisma.sql`c.health = ANY (${health}::text[])`);
  if (image) conditions.push(Prisma.sql`c.image = ANY (${image}::text[])`);
  for (const { key, value } of label ?? []) {
    conditions.push(
      value === null
        ? Prisma.sql`c.labels ? ${key}`
        : Prisma.sql`c.labels @> jsonb_build_object(${key}::text, ${value}::text)`,
    );
  }
  if (q !== undefined) {
    const literal = q.replace(/[\\%_]/g, '\\$&');
    conditions.push(Prisma.sql`(
      c.name ILIKE ${`%${literal}%`} OR c.image ILIKE ${`%${literal}%`} OR c.command ILIKE ${`%${literal}%`}
      OR c."dockerId" LIKE ${`${literal}%`})`);
  }
  return conditions;
}

function toView(row: ContainerViewRow, context: FreshnessContext): ContainerView {
  const startedAt = row.startedAt?.toISOString() ?? null;
  return {
    // jsonb keeps keys in an order of its own.
    ...canonicalContainer({ ...row, startedAt }),
    hostId: row.hostId,
    hostName: row.hostName,
    hostFreshness: containersFreshness(row, context),
    asOf: row.confirmedAt?.toISOString() ?? null,
    health: row.health,
    exitCode: row.exitCode,
    firstSeenAt: row.firstSeenAt.toISOString(),
    changedAt: row.changedAt.toISOString(),
    removedAt: row.removedAt?.toISOString() ?? null,
  };
}
