import type { Database, Statement } from '@muster/db';
import { type HistoryPoint, SERVER_RUN } from '../../lib/database-history.js';

/** Tokens revoked as of a point in time, including all revocations by transactions before its horizon. */
export interface Revocations extends HistoryPoint {
  tokenIds: string[];
}

/**
 * Transaction ids restored from another cluster's backup may be above all of this one's; the upper bound ignores them.
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
 * Finds the tokens revoked since the poll that returned this horizon, and some of those before; none for null, the
 * first poll. No revocation is missed, whichever process made it and however long its transaction took, unless the
 * database's history was not continued (see `isSameHistory`): then all cached tokens must be discarded.
 */
export async function findRevokedTokens(db: Database, horizon: bigint | null): Promise<Revocations> {
  const values = [horizon === null ? null : String(horizon)];
  const [row] = await db.query<{ server: string; horizon: string; tokenIds: string[] }>(FIND_REVOKED_TOKENS, values);
  if (row === undefined) throw new Error('the revocation poll returned no row');
  return { ...row, horizon: BigInt(row.horizon) };
}
