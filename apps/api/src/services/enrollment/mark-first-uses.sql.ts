import type { Database, Statement } from '@muster/db';

/** An agent token that its host uses for the first time. */
export interface UnusedToken {
  id: string;
  hostId: string;
  hash: Buffer;
}

// Locks the hosts first, as rotations do, so that this statement cannot deadlock with a rotation. Skips a host whose
// row is locked, because waiting would occupy a connection.
const MARK_FIRST_USES: Statement = {
  name: 'mark_first_uses',
  isSmall: true,
  text: `
    WITH host AS (
      SELECT id FROM hosts WHERE id = ANY ($2::uuid[]) FOR NO KEY UPDATE SKIP LOCKED
    ), used AS (
      UPDATE agent_tokens AS t SET "firstUsedAt" = $4::timestamptz, "lastUsedAt" = $4::timestamptz, "expiresAt" = NULL
      FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) AS unused (id, "hostId", hash)
        JOIN host ON host.id = unused."hostId"
      WHERE t.id = unused.id AND t.hash = unused.hash AND t."revokedAt" IS NULL AND t."firstUsedAt" IS NULL
        AND COALESCE(t."expiresAt" > $4::timestamptz, TRUE)
      RETURNING t.id, t."hostId", t."createdAt"
    ), earlier AS (
      UPDATE agent_tokens AS t SET "revokedAt" = $4::timestamptz
      FROM used
      WHERE t."hostId" = used."hostId" AND t."createdAt" < used."createdAt" AND t."revokedAt" IS NULL
    )
    SELECT id::text AS id FROM used`,
};

/**
 * Marks the first use of tokens of different hosts and revokes the tokens that were issued before them. Returns one
 * element per token in the same order: false if the token is no longer valid or is already marked, or if another
 * transaction has locked the host's row.
 */
export async function markFirstUses(db: Database, tokens: readonly UnusedToken[], at: Date): Promise<boolean[]> {
  const rows = await db.query<{ id: string }>(MARK_FIRST_USES, [
    tokens.map(({ id }) => id),
    tokens.map(({ hostId }) => hostId),
    tokens.map(({ hash }) => hash),
    at,
  ]);
  const used = new Set(rows.map(({ id }) => id));
  return tokens.map(({ id }) => used.has(id));
}
