/** A rule for every pool: no connection goes back into it in the middle of a transaction. */
import type pg from 'pg';

/**
 * A connection whose COMMIT or ROLLBACK got no answer is released as if nothing were wrong with it: its next user would
 * be answered from within that transaction, or wait behind it. Such a connection is closed instead.
 */
export function discardUnfinishedTransactions(pool: pg.Pool): void {
  pool.on('release', (_error, client) => {
    if (client.getTransactionStatus() !== 'I') void client.end().catch(() => undefined);
  });
}
