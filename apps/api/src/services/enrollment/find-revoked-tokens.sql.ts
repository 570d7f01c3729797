import type { Database, Statement } from '@muster/db';
import { type HistoryPoint, SERVER_RUN } from '../../lib/database-history.js';

/**
 * Revoked tokens, as read by one statement. All revocations by transactions below the statement's horizon are included.
 */
export interface Revocations extends HistoryPoint {
  tokenIds: string[];
}

/**
 * A restored backup may contain transaction ids of another cluster that exceed all ids of this cluster. The upper bound
 * excludes those ids.
 */
const FIND_REVOKED_TOKENS: Statement = {
  name: 'find_revoked_tokens',
  isSmall: true,
  text: `
    SELECT ${SERVER_RUN} AS server, pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, ARRAY(
      SELECT id::text FROM agent_tokens
      WHERE "revokedTx" >= $1::bigint AND "revokedTx" < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    ) AS "tokenIds"`,
};

/**
 * Finds the tokens that were revoked since the poll that returned this horizon, and some tokens that were revoked
 * earlier. In the first poll, the horizon is null and no tokens are found. No revocation is missed, regardless of the
 * process that made it and the duration of its transaction. If the database may have lost transactions since that poll
 * (see `isSameHistory`), the caller must discard all cached tokens.
 */
export async function findRevokedTokens(db: Database, horizon: bigint | null): Promise<Revocations> {
  const values = [horizon === null ? null : String(horizon)];
  const [row] = await db.query<{ server: string; horizon: string; tokenIds: string[] }>(FIND_REVOKED_TOKENS, values);
  if (row === undefined) throw new Error('the revocation poll returned no row');
  return { ...row, horizon: BigInt(row.horizon) };
}
