import type { HostQuery } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { type FreshnessContext, freshnessCutoffs, freshnessSql } from '../freshness/index.js';
import { hasLabels } from '../inventory/index.js';
import type { CurrentHost } from './availability.js';

/** A host, and the value of the label by which hosts are grouped. */
export interface AvailabilityHost extends CurrentHost {
  id: string;
  name: string;
  label: string | null;
}

/** The position of a host in the order of names. */
export type NamePosition = readonly [name: string, id: string];

export interface HostSelection {
  hostId?: readonly string[] | undefined;
  hostLabel?: HostQuery['hostLabel'];
  /** The key of the label to read. */
  by?: string | undefined;
}

/** Reads the next hosts of an organization in the order of their names. */
export async function readHosts(
  { prisma }: Database,
  organizationId: string,
  { hostId, hostLabel, by }: HostSelection,
  context: FreshnessContext,
  { after, descending = false, limit }: { after: NamePosition | null; descending?: boolean; limit: number },
): Promise<AvailabilityHost[]> {
  const conditions = [Prisma.sql`h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL`];
  if (hostId) conditions.push(Prisma.sql`h.id = ANY (${hostId}::uuid[])`);
  if (hostLabel) conditions.push(hasLabels(hostLabel));
  const comparison = descending ? Prisma.sql`<` : Prisma.sql`>`;
  if (after) conditions.push(Prisma.sql`(h.name, h.id) ${comparison} (${after[0]}, ${after[1]}::uuid)`);
  const direction = descending ? Prisma.sql`DESC` : Prisma.sql`ASC`;
  type Row = Omit<AvailabilityHost, 'recordedSilence'> & {
    recordedSilence: { from: string; state: 'stale' | 'offline' } | null;
  };
  const rows = await prisma.$queryRaw<Row[]>(Prisma.sql`
    SELECT h.id::text AS id, h.name, h."enrolledAt", h."lastSeenAt", h."leftAt",
      CASE WHEN h."observedAt" IS NOT NULL OR h."confirmedAt" IS NOT NULL
        THEN COALESCE(h."firstSnapshotAt", h."enrolledAt") END AS "reportedFrom",
      CASE WHEN first.kind = 'host_enrolled' AND first."to" ->> 'again' IS NULL
        THEN first."recordedAt" END AS "historyFrom",
      h."engineError" IS NOT NULL OR h."agentProblems" @> '[{"code": "engine_unreachable"}]' AS "isEngineDown",
      ${freshnessSql(freshnessCutoffs(context)).host} AS freshness,
      (h."endedSilences" -> -1 ->> 'until')::timestamptz AS "aliveSince",
      h."recordedSilence",
      ${by === undefined ? Prisma.sql`NULL` : Prisma.sql`h.labels ->> ${by}`} AS label
    FROM hosts AS h LEFT JOIN LATERAL (
      SELECT e.kind, e."to", e."recordedAt" FROM host_events AS e WHERE e."hostId" = h.id
      ORDER BY e.tx, e.id LIMIT 1
    ) AS first ON TRUE
    WHERE ${Prisma.join(conditions, ' AND ')}
    ORDER BY h.name ${direction}, h.id ${direction} LIMIT ${limit}::int`);
  return rows.map(({ recordedSilence, ...row }) => ({
    ...row,
    recordedSilence: recordedSilence && { ...recordedSilence, from: new Date(recordedSilence.from) },
  }));
}
