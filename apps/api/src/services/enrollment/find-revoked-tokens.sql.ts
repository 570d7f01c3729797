import type { Database, Statement } from '@muster/db';
import type { HistoryPoint } from '../live/database-history.js';
import { SERVER_RUN } from '../live/server-run.sql.js';

/** What was revoked, as of a moment. What transactions before its horizon revoked is known. */
export interface Revocations extends HistoryPoint {
  tokenIds: string[];
}

/** Numbers from another cluster, whose backup this one has, may be above all of its own: they mean nothing here. */
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
 * Finds the tokens that were revoked since the look that gave this horizon, and some of those before; none for the
 * first look, which has null. No revocation is missed, whichever process made it and however long that took, unless the
 * database's history is not continued (see `isContinued`): then nothing that was known may be believed.
 */
export async function findRevokedTokens(db: Database, horizon: bigint | null): Promise<Revocations> {
  const values = [horizon === null ? null : String(horizon)];
  const [row] = await db.query<{ server: string; horizon: string; tokenIds: string[] }>(FIND_REVOKED_TOKENS, values);
  if (row === undefined) throw new Error('a snapshot has a horizon');
  return { ...row, horizon: BigInt(row.horizon) };
}
