import pg from 'pg';

/** Connections of each contender's own pool; the API's default. */
export const POOL_MAX = 10;

/** Creates a node-postgres pool. */
export function createPool(url: string, max = POOL_MAX): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max });
  // If the server stops, idle connections break. A query in progress fails anyway.
  pool.on('error', () => undefined);
  return pool;
}
