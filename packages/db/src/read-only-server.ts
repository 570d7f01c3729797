/** Read-only servers: a standby, a demoted primary, or a database that was set to read-only. */
import type pg from 'pg';

import { isReadOnly } from './classify-error.js';
import { DatabaseReadOnlyError } from './errors.js';
import { destroySocket } from './stalled-server.js';

/**
 * Closes each connection on which a write failed because the server is read-only. After a failover, the address may
 * lead to another server, which only a new connection reaches.
 */
export function discardReadOnlyConnections(pool: pg.Pool): void {
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      const result = query(...args);
      // `query` returns no promise if the caller passes a callback. Only `pool.query` does so, and `pool.query` itself
      // closes the connection of a failed query.
      if (result instanceof Promise) {
        result.catch((error: unknown) => {
          if (isReadOnly(error)) destroySocket(client);
        });
      }
      return result;
    }) as typeof client.query;
  });
}

/**
 * Checks that a server accepts writes. Closes the connection if the server does not.
 *
 * @throws DatabaseReadOnlyError
 */
export async function requireWritable(pool: pg.Pool, location: string): Promise<void> {
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    await requireWritableConnection(client, location);
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    client.release(failure);
  }
}

/** @throws DatabaseReadOnlyError */
export async function requireWritableConnection(client: pg.ClientBase, location: string): Promise<void> {
  // The setting is also `on` while a server is in recovery, as a standby always is.
  const { rows } = await client.query<{ setting: string }>(
    `SELECT current_setting('transaction_read_only') AS setting`,
  );
  if (rows[0]?.setting === 'on') throw new DatabaseReadOnlyError(location);
}
