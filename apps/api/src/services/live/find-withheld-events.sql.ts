import type { Database, Statement } from '@muster/db';

/** One probe of the index (organizationId, tx, id) for each organization; null: all organizations. */
const FIND_WITHHELD_EVENTS: Statement = {
  name: 'find_withheld_events',
  isSmall: true,
  text: `
    SELECT o.id AS "organizationId", e."recordedAt" AS "recordedAt"
    FROM organizations AS o CROSS JOIN LATERAL (
      SELECT e."recordedAt" FROM container_events AS e
      WHERE e."organizationId" = o.id AND e.tx >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
      ORDER BY e.tx, e.id LIMIT 1
    ) AS e
    WHERE $1::text[] IS NULL OR o.id = ANY ($1::text[])`,
};

/**
 * Finds the organizations that have events which are committed and which the feed withholds, because a transaction that
 * began earlier is still open somewhere on the server. Returns when the first such event of each was recorded.
 */
export async function findWithheldEvents(
  db: Database,
  organizationIds: readonly string[] | null,
): Promise<Map<string, Date>> {
  const rows = await db.query<{ organizationId: string; recordedAt: Date }>(FIND_WITHHELD_EVENTS, [organizationIds]);
  return new Map(rows.map(({ organizationId, recordedAt }) => [organizationId, recordedAt]));
}
