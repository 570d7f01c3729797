import pg from 'pg';

/** Connections of each contender's own pool; the API's default. */
export const POOL_MAX = 10;

/** A pool on raw `pg`. */
export function createPool(url: string, max = POOL_MAX): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max });
  // The server may be stopped before it has seen the last goodbye; a query that fails says so by itself.
  pool.on('error', () => undefined);
  return pool;
}
