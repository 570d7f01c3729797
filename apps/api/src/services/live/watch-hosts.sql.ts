import type { Freshness } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import type { FreshnessCutoffs } from '../freshness/freshness.js';
import { freshnessOf } from '../freshness/freshness.sql.js';

/** What there is to see of a host from afar. */
export interface HostSign {
  freshness: Freshness;
  /** Differs where anything that is told of the host does, but for when it was last heard. */
  hash: string;
}

/**
 * The sign of every host of these organizations. Ten thousand of them come as one text each organization, for a row
 * each would take ten times as long to read.
 */
export async function watchHosts(
  { prisma }: Database,
  organizationIds: readonly string[],
  cutoffs: FreshnessCutoffs,
): Promise<Map<string, Map<string, HostSign>>> {
  const freshness = freshnessOf(cutoffs);
  const rows = await prisma.$queryRaw<{ organizationId: string; signs: string }[]>(Prisma.sql`
    SELECT h."organizationId", string_agg(h.id || ' ' || h.freshness || ' ' || h.hash, E'\n') AS signs
    FROM (
      SELECT h.id, h."organizationId", ${freshness.host} AS freshness,
        hashtextextended(jsonb_build_array(${freshness.containers}, h.name, h."engineName", h."engineVersion",
          h."engineApiVersion", h.os, h.arch, h."agentVersion", h."stateCounts", h."engineError", h."cloneSuspectedAt",
          h."agentProblems", h."snapshotRefusedAt", h."snapshotRefusedReason", h."truncatedCount", h."truncatedSince",
          h."leftAt", h."enrolledAt")::text, 0) AS hash
      FROM hosts AS h WHERE h."organizationId" = ANY (${organizationIds}::text[]) AND h."deletedAt" IS NULL
    ) AS h
    GROUP BY h."organizationId"`);
  const signs = new Map(organizationIds.map((organizationId) => [organizationId, new Map<string, HostSign>()]));
  for (const row of rows) {
    const ofOrganization = signs.get(row.organizationId);
    for (const line of row.signs.split('\n')) {
      const [hostId = '', freshness = '', hash = ''] = line.split(' ');
      ofOrganization?.set(hostId, { freshness: freshness as Freshness, hash });
    }
  }
  return signs;
}
