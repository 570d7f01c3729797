/** Statements that go to node-postgres as they are, prepared once a connection. */
import type pg from 'pg';

import { NoTurnError } from './classify-error.js';
import type { Database, DatabaseEngine, Statement } from './database.js';
import { LongText } from './long-text.js';
import { queryLong } from './long-text-query.js';

/** How much longer than the server this side waits: the server's word is the clearer one where it still comes. */
const GRACE_MS = 500;

/** The part of the connections that patient statements may have, and how many milliseconds they wait for one. */
const PATIENT_SHARE = 3 / 8;
const PATIENT_WAIT_MS_MAX = 10_000;

/** `query` and `queryPatiently` of a `Database` on these pools: one for all, one for small statements. */
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
      // For this transaction alone, so that a pooler which shares sessions hands nobody else our patience.
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
      // After a failure the connection is closed, and with it the transaction that it may be in.
      client.release(failure);
    }
  }

  /** PGlite enforces no statement timeout, and has one session for everybody: no transaction is held open on it. */
  const queryWhole: Database['queryPatiently'] = (statement, values) =>
    query(
      statement,
      values.map((value) => (value instanceof LongText ? value.toString() : value)),
    );

  return { query, queryPatiently: engine === 'pglite' ? queryWhole : queryPatiently };
}

/** So many at once; the others wait, in the order of arrival. @throws NoTurnError from `begin` if no turn comes in time. */
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
