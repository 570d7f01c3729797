import type { HostQuery, HostSortKey } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { sortVersions } from '../../lib/sort-versions.js';
import { decodeCursor, formatSort, requireSameSort } from '../../lib/cursor.js';
import { type FreshnessContext, freshnessCutoffs, freshnessSql } from '../freshness/index.js';
import { hasProblem, isKnownState, OTHER_STATE } from '../sync/index.js';
import { beginsWith, contains, isInState } from './container-columns.sql.js';
import { hasLabels } from './host-labels.sql.js';
import { severity } from './host-severity.sql.js';
import { SHOWN_COUNT } from './count-by-hosts.sql.js';

export type HostRow = Prisma.HostGetPayload<object>;
type SortedRow = HostRow & { sortValue: string | number | Date };

/** A sort expression that is never null, and the types of its values in SQL (`type`) and in a cursor (`kind`). */
interface Sort {
  sql: Prisma.Sql;
  type: 'text' | 'timestamptz' | 'int';
  kind: 'string' | 'instant' | 'int4';
}

/**
 * The SQL expressions of the sort keys that are compared as version numbers. An engine's name comes before its version.
 */
const VERSION_EXPRESSIONS = {
  engine: Prisma.sql`(h."engineName" || ' ' || h."engineVersion")`,
  agentVersion: Prisma.sql`h."agentVersion"`,
} as const;

const isVersion = (key: HostSortKey): key is keyof typeof VERSION_EXPRESSIONS =>
  Object.hasOwn(VERSION_EXPRESSIONS, key);

function sortOf(key: Exclude<HostSortKey, keyof typeof VERSION_EXPRESSIONS>, freshness: Prisma.Sql, now: Date): Sort {
  switch (key) {
    case 'name':
      return { sql: Prisma.sql`h.name`, type: 'text', kind: 'string' };
    case 'enrolledAt':
      return { sql: Prisma.sql`h."enrolledAt"`, type: 'timestamptz', kind: 'instant' };
    case 'lastSeenAt':
      // Hosts that were never seen sort first.
      return { sql: Prisma.sql`COALESCE(h."lastSeenAt", 'epoch')`, type: 'timestamptz', kind: 'instant' };
    case 'containerCount':
      return { sql: SHOWN_COUNT, type: 'int', kind: 'int4' };
    case 'severity':
      return { sql: severity(freshness, now), type: 'int', kind: 'int4' };
  }
}

/** The parts of a statement that sort its hosts (table alias `h`). */
interface Order {
  /** Tables to join to `h`. */
  join: Prisma.Sql;
  by: Prisma.Sql;
  /** The value that is stored in a cursor to mark a row's place in the order. */
  value: Prisma.Sql;
  /** The condition that a row comes after the cursor. */
  after: Prisma.Sql;
}

/** The rank of a version that a host began to report only after the versions were read. Such a version sorts last. */
const RANK_MAX = 2 ** 31 - 1;

/** Returns the order of a query. Versions are ranked here, because SQL cannot compare version numbers. */
async function orderOf(
  db: Database,
  organizationId: string,
  { sort, cursor }: HostQuery,
  freshness: Prisma.Sql,
  now: Date,
): Promise<Order> {
  const comparison = sort.descending ? Prisma.sql`<` : Prisma.sql`>`;
  const placeOf = <const Kind extends Sort['kind']>(kind: Kind) => {
    if (cursor === undefined) return null;
    const [order, value, id] = decodeCursor(cursor, ['string', kind, 'uuid']);
    requireSameSort(order, sort);
    return { value, id };
  };
  if (!isVersion(sort.key)) {
    const { sql, type, kind } = sortOf(sort.key, freshness, now);
    const place = placeOf(kind);
    const after =
      place === null
        ? Prisma.sql`TRUE`
        : Prisma.sql`(${sql}, h.id) ${comparison} (${place.value}::${Prisma.raw(type)}, ${place.id}::uuid)`;
    return { join: Prisma.empty, by: sql, value: sql, after };
  }
  const text = VERSION_EXPRESSIONS[sort.key];
  const found = await db.prisma.$queryRaw<{ version: string }[]>(Prisma.sql`
    SELECT DISTINCT ${text} AS version FROM hosts AS h
    WHERE h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL`);
  const place = placeOf('string');
  // Include the cursor's version, because no host may have this version any more.
  const versions = sortVersions(new Set([...found.map(({ version }) => version), ...(place ? [place.value] : [])]));
  const rank = Prisma.sql`COALESCE(ranks.rank, ${RANK_MAX}::bigint)`;
  return {
    join: Prisma.sql`LEFT JOIN unnest(${versions}::text[]) WITH ORDINALITY AS ranks (version, rank) ON ranks.version = ${text}`,
    by: rank,
    value: text,
    after: place
      ? Prisma.sql`(${rank}, h.id) ${comparison} (${versions.indexOf(place.value) + 1}::bigint, ${place.id}::uuid)`
      : Prisma.sql`TRUE`,
  };
}

export interface SelectedHosts {
  rows: HostRow[];
  /** The values of the next page's cursor; null on the last page. */
  nextPosition: (string | number)[] | null;
  /** The number of hosts on all pages; null unless requested. */
  total: number | null;
}

/**
 * Returns a page of an organization's hosts. Only the order by name uses an index. The other orders read all hosts,
 * which takes a few milliseconds for ten thousand rows. Each report changes the columns of these orders, so indexes on
 * them would slow down every report.
 */
export async function selectHosts(
  db: Database,
  organizationId: string,
  query: HostQuery,
  context: FreshnessContext,
): Promise<SelectedHosts> {
  const { prisma } = db;
  const { sort, limit } = query;
  const freshness = freshnessSql(freshnessCutoffs(context)).host;
  const order = await orderOf(db, organizationId, query, freshness, context.now);
  const matches = Prisma.join(
    [
      Prisma.sql`h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL`,
      ...filtersOf(query, freshness, context.now),
      ...(query.sharedName ? [hasSharedName(organizationId)] : []),
    ],
    ' AND ',
  );
  const direction = sort.descending ? Prisma.sql`DESC` : Prisma.sql`ASC`;
  const [found, totals] = await Promise.all([
    prisma.$queryRaw<SortedRow[]>(Prisma.sql`
      SELECT h.*, ${order.value} AS "sortValue" FROM hosts AS h ${order.join} WHERE ${matches} AND ${order.after}
      ORDER BY ${order.by} ${direction}, h.id ${direction} LIMIT ${limit + 1}::int`),
    query.count
      ? prisma.$queryRaw<{ total: number }[]>(
          Prisma.sql`SELECT count(*)::int AS total FROM hosts AS h WHERE ${matches}`,
        )
      : null,
  ]);
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  return {
    rows,
    nextPosition: found.length > limit && last ? [formatSort(sort), toCursorValue(last.sortValue), last.id] : null,
    total: totals?.[0]?.total ?? null,
  };
}

const toCursorValue = (value: string | number | Date): string | number =>
  value instanceof Date ? value.toISOString() : value;

/**
 * Returns the condition that a host has a present container in one of these states. States unknown to Docker are
 * counted together, so the container rows are read for these states.
 */
function hasInState(states: readonly string[]): Prisma.Sql {
  const countsCondition = Prisma.sql`h."stateCounts" ?| ${states.filter(isKnownState)}::text[]`;
  if (states.every(isKnownState)) return countsCondition;
  return Prisma.sql`(${countsCondition} OR (h."stateCounts" ? ${OTHER_STATE} AND EXISTS (
    SELECT FROM containers AS c WHERE c."hostId" = h.id AND c."removedAt" IS NULL AND ${isInState(states)})))`;
}

/** Returns the condition that another host of the organization has the host's name. */
const hasSharedName = (organizationId: string): Prisma.Sql => Prisma.sql`h.name IN (
  SELECT name FROM hosts WHERE "organizationId" = ${organizationId} AND "deletedAt" IS NULL
  GROUP BY name HAVING count(*) > 1)`;

function filtersOf(query: HostQuery, freshnessOfHost: Prisma.Sql, now: Date): Prisma.Sql[] {
  const { freshness, problem, state, engine, agentVersion, hostLabel, q } = query;
  const filters: Prisma.Sql[] = [];
  if (freshness) filters.push(Prisma.sql`${freshnessOfHost} = ANY (${freshness}::text[])`);
  if (problem) filters.push(hasProblem(problem, now));
  if (state) filters.push(hasInState(state));
  if (engine) filters.push(Prisma.sql`h."engineName" = ANY (${engine}::text[])`);
  if (agentVersion) filters.push(Prisma.sql`h."agentVersion" = ANY (${agentVersion}::text[])`);
  if (hostLabel) filters.push(hasLabels(hostLabel));
  if (q !== undefined) {
    const nameMatches = contains(Prisma.sql`h.name`, q);
    const engineIdMatches = contains(Prisma.sql`h."engineId"`, q);
    filters.push(
      Prisma.sql`(${nameMatches} OR ${engineIdMatches} OR ${beginsWith(Prisma.sql`h.id::text`, q.toLowerCase())})`,
    );
  }
  return filters;
}
