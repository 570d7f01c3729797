/** Ensures that no connection with an open transaction returns to a pool. */
import type pg from 'pg';

/**
 * Closes connections that are released inside a transaction. A connection whose COMMIT or ROLLBACK got no response is
 * released like any other. If such a connection returned to the pool, the next statement on it would run inside the old
 * transaction.
 */
export function discardUnfinishedTransactions(pool: pg.Pool): void {
  pool.on('release', (_error, client) => {
    if (client.getTransactionStatus() !== 'I') void client.end().catch(() => undefined);
  });
}
