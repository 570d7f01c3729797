/** A rule for every pool: no connection with an open transaction returns to it. */
import type pg from 'pg';

/**
 * Closes connections that are released inside a transaction. A connection whose COMMIT or ROLLBACK got no answer is
 * released like any other, and its next user would run inside that transaction or wait behind it.
 */
export function discardUnfinishedTransactions(pool: pg.Pool): void {
  pool.on('release', (_error, client) => {
    if (client.getTransactionStatus() !== 'I') void client.end().catch(() => undefined);
  });
}
