/** Statements that bypass Prisma and that node-postgres prepares once per connection. */
import type pg from 'pg';

import { ConnectionWaitTimeoutError } from './classify-error.js';
import type { Database, DatabaseEngine, Statement } from './database.js';
import { LongText } from './long-text.js';
import { queryLong } from './long-text-query.js';

/**
 * Milliseconds by which the client's timeout exceeds the server's, so that the server's precise error arrives first.
 */
const CLIENT_TIMEOUT_MARGIN_MS = 500;

/** The share of the pool’s connections that long statements may use. */
const LONG_STATEMENT_POOL_SHARE = 3 / 8;

/** Maximum milliseconds that a long statement waits for one of the connections that long statements may use. */
const LONG_STATEMENT_WAIT_MS_MAX = 10_000;

/** Creates `query` and `queryWithTimeout` of a `Database`. `smallPool` runs small statements, and `pool` all others. */
export function createQueries(
  { pool, smallPool }: { pool: pg.Pool; smallPool: pg.Pool },
  engine: DatabaseEngine,
): Pick<Database, 'query' | 'queryWithTimeout'> {
  const semaphore = createSemaphore(
    Math.max(1, Math.floor(pool.options.max * LONG_STATEMENT_POOL_SHARE)),
    Math.max(LONG_STATEMENT_WAIT_MS_MAX, pool.options.connectionTimeoutMillis ?? 0),
  );
  // If no connections are reserved for small statements, all larger statements of `query` wait in this queue instead of
  // in the pool. A small statement then waits only for the statements that are already running, and for Prisma's
  // statements.
  const queue =
    smallPool === pool
      ? createSemaphore(pool.options.max, pool.options.connectionTimeoutMillis ?? LONG_STATEMENT_WAIT_MS_MAX)
      : null;

  async function query<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    const { name, text, isSmall = false } = statement;
    const config = { name, text, values: [...values] };
    if (isSmall) return (await smallPool.query<Row & pg.QueryResultRow>(config)).rows;
    await queue?.acquire();
    try {
      return (await pool.query<Row & pg.QueryResultRow>(config)).rows;
    } finally {
      queue?.release();
    }
  }

  async function queryWithTimeout<Row extends object>(
    { name, text }: Statement,
    values: readonly unknown[],
    timeoutMs: number,
  ): Promise<Row[]> {
    await semaphore.acquire();
    try {
      const longerTimeoutMs = Math.max(timeoutMs, pool.options.query_timeout ?? 0);
      return await queryInTransaction({ name, text, values: [...values] }, longerTimeoutMs);
    } finally {
      semaphore.release();
    }
  }

  async function queryInTransaction<Row extends object>(
    statement: { name: string; text: string; values: unknown[] },
    timeoutMs: number,
  ): Promise<Row[]> {
    const client = await pool.connect();
    let failure: Error | undefined;
    try {
      // The setting is local to this transaction. Otherwise, a pooler that shares sessions would apply it to other
      // clients too.
      await client.query(`BEGIN; SET LOCAL statement_timeout = ${timeoutMs}`);
      const { rows } = await queryLong<Row & pg.QueryResultRow>(client, {
        ...statement,
        query_timeout: timeoutMs + CLIENT_TIMEOUT_MARGIN_MS,
      });
      await client.query('COMMIT');
      return rows;
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      // After a failure, the connection is closed, which ends its transaction.
      client.release(failure);
    }
  }

  /**
   * Runs a statement on PGlite without a transaction. On a server, a transaction is needed to set the timeout, but
   * PGlite would not enforce the timeout.
   */
  const queryWithoutTimeout: Database['queryWithTimeout'] = (statement, values) =>
    query(
      statement,
      values.map((value) => (value instanceof LongText ? value.toString() : value)),
    );

  return { query, queryWithTimeout: engine === 'pglite' ? queryWithoutTimeout : queryWithTimeout };
}

/**
 * Limits the number of concurrent callers. Further callers wait in order of arrival, and `acquire` rejects with a
 * ConnectionWaitTimeoutError after a timeout.
 */
function createSemaphore(max: number, waitMsMax: number): { acquire(): Promise<void>; release(): void } {
  const waiters = new Set<() => void>();
  let acquired = 0;
  return {
    acquire() {
      if (acquired < max) {
        acquired += 1;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiters.delete(admit);
          reject(new ConnectionWaitTimeoutError());
        }, waitMsMax);
        const admit = () => {
          clearTimeout(timer);
          resolve();
        };
        waiters.add(admit);
      });
    },
    release() {
      const [next] = waiters;
      if (next === undefined) {
        acquired -= 1;
        return;
      }
      waiters.delete(next);
      next();
    },
  };
}
