/** Statements that go to node-postgres as they are, prepared once a connection. */
import type pg from 'pg';

import type { Database, DatabaseEngine, Statement } from './database.js';

/** How much longer than the server this side waits: the server's word is the clearer one where it still comes. */
const GRACE_MS = 500;

/** `query` and `queryPatiently` of a `Database` on this pool. */
export function createQueries(pool: pg.Pool, engine: DatabaseEngine): Pick<Database, 'query' | 'queryPatiently'> {
  async function query<Row extends object>({ name, text }: Statement, values: readonly unknown[]): Promise<Row[]> {
    const { rows } = await pool.query<Row & pg.QueryResultRow>({ name, text, values: [...values] });
    return rows;
  }

  async function queryPatiently<Row extends object>(
    { name, text }: Statement,
    values: readonly unknown[],
    timeoutMs: number,
  ): Promise<Row[]> {
    const client = await pool.connect();
    let failure: Error | undefined;
    try {
      // For this transaction alone, so that a pooler which shares sessions hands nobody else our patience.
      await client.query(`BEGIN; SET LOCAL statement_timeout = ${timeoutMs}`);
      const config = { name, text, values: [...values], query_timeout: timeoutMs + GRACE_MS };
      const { rows } = await client.query<Row & pg.QueryResultRow>(config);
      await client.query('COMMIT');
      return rows;
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      // After a failure the connection is closed, and with it the transaction that it may be in.
      client.release(failure);
    }
  }

  // PGlite enforces no statement timeout, and has one session for everybody: no transaction is held open on it.
  return { query, queryPatiently: engine === 'pglite' ? query : queryPatiently };
}
