/** Statements that bypass Prisma and are prepared once per connection by node-postgres. */
import type pg from 'pg';

import { NoTurnError } from './classify-error.js';
import type { Database, DatabaseEngine, Statement } from './database.js';
import { LongText } from './long-text.js';
import { queryLong } from './long-text-query.js';

/** Milliseconds that the client waits longer than the server, whose error is more precise. */
const GRACE_MS = 500;

/** Share of the connections for long statements, and the milliseconds that a call waits for one. */
const PATIENT_SHARE = 3 / 8;
const PATIENT_WAIT_MS_MAX = 10_000;

/** Creates `query` and `queryPatiently` of a `Database` on these pools: one for all statements, one for small ones. */
export function createQueries(
  { pool, smallPool }: { pool: pg.Pool; smallPool: pg.Pool },
  engine: DatabaseEngine,
): Pick<Database, 'query' | 'queryPatiently'> {
  const turns = createTurns(Math.max(1, Math.floor(pool.options.max * PATIENT_SHARE)));

  async function query<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    const { name, text, isSmall = false } = statement;
    const config = { name, text, values: [...values] };
    const { rows } = await (isSmall ? smallPool : pool).query<Row & pg.QueryResultRow>(config);
    return rows;
  }

  async function queryPatiently<Row extends object>(
    { name, text }: Statement,
    values: readonly unknown[],
    timeoutMs: number,
  ): Promise<Row[]> {
    await turns.begin();
    try {
      return await withPatience({ name, text, values: [...values] }, timeoutMs);
    } finally {
      turns.end();
    }
  }

  async function withPatience<Row extends object>(
    statement: { name: string; text: string; values: unknown[] },
    timeoutMs: number,
  ): Promise<Row[]> {
    const client = await pool.connect();
    let failure: Error | undefined;
    try {
      // For this transaction only, because a pooler that shares sessions would pass the setting on to others.
      await client.query(`BEGIN; SET LOCAL statement_timeout = ${timeoutMs}`);
      const { rows } = await queryLong<Row & pg.QueryResultRow>(client, {
        ...statement,
        query_timeout: timeoutMs + GRACE_MS,
      });
      await client.query('COMMIT');
      return rows;
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      // After a failure the connection is closed, which ends its transaction.
      client.release(failure);
    }
  }

  /** PGlite enforces no statement timeout and has a single session, so no transaction is held open on it. */
  const queryWhole: Database['queryPatiently'] = (statement, values) =>
    query(
      statement,
      values.map((value) => (value instanceof LongText ? value.toString() : value)),
    );

  return { query, queryPatiently: engine === 'pglite' ? queryWhole : queryPatiently };
}

/** Limits concurrent callers; the others wait in order of arrival. @throws NoTurnError from `begin` on a timeout. */
function createTurns(max: number): { begin(): Promise<void>; end(): void } {
  const waiting = new Set<() => void>();
  let taken = 0;
  return {
    begin() {
      if (taken < max) {
        taken += 1;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(admit);
          reject(new NoTurnError());
        }, PATIENT_WAIT_MS_MAX);
        const admit = () => {
          clearTimeout(timer);
          resolve();
        };
        waiting.add(admit);
      });
    },
    end() {
      const [next] = waiting;
      if (next === undefined) {
        taken -= 1;
        return;
      }
      waiting.delete(next);
      next();
    },
  };
}
