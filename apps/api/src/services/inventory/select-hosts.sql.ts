import type { HostQuery, HostSortKey } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { decodeCursor, formatSort, requireSameSort } from '../../lib/cursor.js';
import { type FreshnessCutoffs, freshnessSql } from '../freshness/index.js';
import { isKnownState, OTHER_STATE } from '../sync/index.js';
import { beginsWith, contains, isInState } from './container-columns.sql.js';

export type HostRow = Prisma.HostGetPayload<object>;

/** The non-null sort expression of each key, and the type of its values in SQL and in a cursor. */
const SORTS = {
  name: { sql: Prisma.sql`h.name`, type: Prisma.sql`text`, kind: 'string' },
  enrolledAt: { sql: Prisma.sql`h."enrolledAt"`, type: Prisma.sql`timestamptz`, kind: 'instant' },
  // Hosts that were never seen sort first.
  lastSeenAt: { sql: Prisma.sql`COALESCE(h."lastSeenAt", 'epoch')`, type: Prisma.sql`timestamptz`, kind: 'instant' },
  containerCount: { sql: Prisma.sql`h."containerCount"`, type: Prisma.sql`int`, kind: 'int4' },
  agentVersion: { sql: Prisma.sql`h."agentVersion"`, type: Prisma.sql`text`, kind: 'string' },
} as const satisfies Record<HostSortKey, { sql: Prisma.Sql; type: Prisma.Sql; kind: string }>;

const sortValueOf: Record<HostSortKey, (row: HostRow) => string | number> = {
  name: ({ name }) => name,
  enrolledAt: ({ enrolledAt }) => enrolledAt.toISOString(),
  lastSeenAt: ({ lastSeenAt }) => (lastSeenAt ?? new Date(0)).toISOString(),
  containerCount: ({ containerCount }) => containerCount,
  agentVersion: ({ agentVersion }) => agentVersion,
};

export interface SelectedHosts {
  rows: HostRow[];
  /** The values of the next page's cursor; null on the last page. */
  nextPosition: (string | number)[] | null;
  /** The number of hosts on all pages; null unless requested. */
  total: number | null;
}

/**
 * Returns a page of an organization's hosts. Only the order by name uses an index. The other orders read all hosts,
 * which takes a few milliseconds for ten thousand rows, while an index on columns that each report changes would slow
 * down every report.
 */
export async function selectHosts(
  { prisma }: Database,
  organizationId: string,
  query: HostQuery,
  cutoffs: FreshnessCutoffs,
): Promise<SelectedHosts> {
  const { sort, limit, cursor } = query;
  const { sql, type, kind } = SORTS[sort.key];
  const conditions = [
    Prisma.sql`h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL`,
    ...filtersOf(query, cutoffs),
  ];
  const direction = sort.descending ? Prisma.sql`DESC` : Prisma.sql`ASC`;
  let after = Prisma.sql`TRUE`;
  if (cursor !== undefined) {
    const [order, value, id] = decodeCursor(cursor, ['string', kind, 'uuid']);
    requireSameSort(order, sort);
    const comparison = sort.descending ? Prisma.sql`<` : Prisma.sql`>`;
    after = Prisma.sql`(${sql}, h.id) ${comparison} (${value}::${type}, ${id}::uuid)`;
  }
  const matches = Prisma.join(conditions, ' AND ');
  const [found, totals] = await Promise.all([
    prisma.$queryRaw<HostRow[]>(Prisma.sql`
      SELECT h.* FROM hosts AS h WHERE ${matches} AND ${after}
      ORDER BY ${sql} ${direction}, h.id ${direction} LIMIT ${limit + 1}::int`),
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
    nextPosition: found.length > limit && last ? [formatSort(sort), sortValueOf[sort.key](last), last.id] : null,
    total: totals?.[0]?.total ?? null,
  };
}

/**
 * Returns the condition that a host has a present container in one of these states. States that Docker does not define
 * are counted together, so the container rows are read for these states.
 */
function hasInState(states: readonly string[]): Prisma.Sql {
  const countsCondition = Prisma.sql`h."stateCounts" ?| ${states.filter(isKnownState)}::text[]`;
  if (states.every(isKnownState)) return countsCondition;
  return Prisma.sql`(${countsCondition} OR (h."stateCounts" ? ${OTHER_STATE} AND EXISTS (
    SELECT FROM containers AS c WHERE c."hostId" = h.id AND c."removedAt" IS NULL AND ${isInState(states)})))`;
}

function filtersOf(query: HostQuery, cutoffs: FreshnessCutoffs): Prisma.Sql[] {
  const { freshness, state, engine, agentVersion, q } = query;
  const filters: Prisma.Sql[] = [];
  if (freshness) filters.push(Prisma.sql`${freshnessSql(cutoffs).host} = ANY (${freshness}::text[])`);
  if (state) filters.push(hasInState(state));
  if (engine) filters.push(Prisma.sql`h."engineName" = ANY (${engine}::text[])`);
  if (agentVersion) filters.push(Prisma.sql`h."agentVersion" = ANY (${agentVersion}::text[])`);
  if (q !== undefined) {
    const nameMatches = contains(Prisma.sql`h.name`, q);
    const engineIdMatches = contains(Prisma.sql`h."engineId"`, q);
    filters.push(
      Prisma.sql`(${nameMatches} OR ${engineIdMatches} OR ${beginsWith(Prisma.sql`h.id::text`, q.toLowerCase())})`,
    );
  }
  return filters;
}
