import type { Freshness } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { type FreshnessCutoffs, freshnessSql } from '../freshness/index.js';

/** A host's state, reduced to the values that suffice to detect a change. */
export interface HostFingerprint {
  freshness: Freshness;
  /** A hash of the API's response for this host, without the time when the host was last seen. */
  hash: string;
}

/**
 * Reads the fingerprints of all hosts of these organizations. The hosts of each organization are returned as one text,
 * because reading ten thousand rows would take ten times as long.
 */
export async function readHostFingerprints(
  { prisma }: Database,
  organizationIds: readonly string[],
  cutoffs: FreshnessCutoffs,
): Promise<Map<string, Map<string, HostFingerprint>>> {
  const freshness = freshnessSql(cutoffs);
  const rows = await prisma.$queryRaw<{ organizationId: string; signs: string }[]>(Prisma.sql`
    SELECT h."organizationId", string_agg(h.id || ' ' || h.freshness || ' ' || h.hash, E'\n') AS signs
    FROM (
      SELECT h.id, h."organizationId", ${freshness.host} AS freshness,
        hashtextextended(jsonb_build_array(${freshness.containers}, h.name, h."engineName", h."engineVersion",
          h."engineApiVersion", h.os, h.arch, h."agentVersion", h."stateCounts", h."engineError", h."cloneSuspectedAt",
          h."agentProblems", h."snapshotRefusedAt", h."snapshotRefusedReason", h."truncatedCount", h."truncatedSince",
          h."leftAt", h."enrolledAt", h."factsChangedAt", h."nameSetByOperator")::text, 0) AS hash
      FROM hosts AS h WHERE h."organizationId" = ANY (${organizationIds}::text[]) AND h."deletedAt" IS NULL
    ) AS h
    GROUP BY h."organizationId"`);
  const fingerprints = new Map(
    organizationIds.map((organizationId) => [organizationId, new Map<string, HostFingerprint>()]),
  );
  for (const row of rows) {
    const organizationFingerprints = fingerprints.get(row.organizationId);
    for (const line of row.signs.split('\n')) {
      const [hostId = '', freshness = '', hash = ''] = line.split(' ');
      organizationFingerprints?.set(hostId, { freshness: freshness as Freshness, hash });
    }
  }
  return fingerprints;
}
