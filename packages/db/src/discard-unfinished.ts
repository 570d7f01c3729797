/** Ensures that no connection with an open transaction returns to a pool. */
import type pg from 'pg';

/**
 * Closes connections that are released inside a transaction. A connection whose COMMIT or ROLLBACK got no response is
 * released like any other. If it returned to the pool, its next user would run inside that transaction or wait for it.
 */
export function discardUnfinishedTransactions(pool: pg.Pool): void {
  pool.on('release', (_error, client) => {
    if (client.getTransactionStatus() !== 'I') void client.end().catch(() => undefined);
  });
}
