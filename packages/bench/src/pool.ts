import pg from 'pg';

/** Maximum connections of each contender's pool. The API has the same default. */
export const POOL_MAX = 10;

/** Creates a node-postgres pool. */
export function createPool(url: string, max = POOL_MAX): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max });
  // When the server stops, idle connections break. Ignore their errors. A query in progress reports its own error.
  pool.on('error', () => undefined);
  return pool;
}
