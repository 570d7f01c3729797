import type { Database, Statement } from '@muster/db';

/** What was revoked, as of an instant. */
export interface Revocations {
  /** Every transaction before this one has ended: what it revoked is known. To be handed in the next time. */
  horizon: string;
  tokenIds: string[];
}

/** Numbers from another cluster, whose backup this one has, may be above all of its own: they mean nothing here. */
const FIND_REVOKED_TOKENS: Statement = {
  name: 'find_revoked_tokens',
  isSmall: true,
  text: `
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, ARRAY(
      SELECT id::text FROM agent_tokens
      WHERE "revokedTx" >= $1::bigint AND "revokedTx" < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    ) AS "tokenIds"`,
};

/**
 * Finds the tokens that were revoked since the look that gave this horizon, and some of those before; none for the
 * first look, which has null. No revocation is missed, whichever process made it and however long that took.
 */
export async function findRevokedTokens(db: Database, horizon: string | null): Promise<Revocations> {
  const [row] = await db.query<Revocations>(FIND_REVOKED_TOKENS, [horizon]);
  if (row === undefined) throw new Error('a snapshot has a horizon');
  return row;
}
