import type { Database, Statement } from '@muster/db';

/**
 * Probes the index (organizationId, tx, id) of each history once per organization. If the parameter is null, probes the
 * indexes for all organizations.
 */
const FIND_WITHHELD_EVENTS: Statement = {
  name: 'find_withheld_events',
  isSmall: true,
  text: `
    SELECT o.id AS "organizationId", e."recordedAt" AS "recordedAt"
    FROM organizations AS o CROSS JOIN LATERAL (
      (SELECT e."recordedAt" FROM container_events AS e
      WHERE e."organizationId" = o.id AND e.tx >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
      ORDER BY e.tx, e.id LIMIT 1)
      UNION ALL
      (SELECT e."recordedAt" FROM host_events AS e
      WHERE e."organizationId" = o.id AND e.tx >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
      ORDER BY e.tx, e.id LIMIT 1)
      ORDER BY "recordedAt" LIMIT 1
    ) AS e
    WHERE $1::text[] IS NULL OR o.id = ANY ($1::text[])`,
};

/**
 * Finds the organizations with committed events that the feed withholds because an earlier transaction is still open in
 * any database of the server. Returns the time when the first such event of each organization was recorded.
 */
export async function findWithheldEvents(
  db: Database,
  organizationIds: readonly string[] | null,
): Promise<Map<string, Date>> {
  const rows = await db.query<{ organizationId: string; recordedAt: Date }>(FIND_WITHHELD_EVENTS, [organizationIds]);
  return new Map(rows.map(({ organizationId, recordedAt }) => [organizationId, recordedAt]));
}
