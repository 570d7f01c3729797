/** Tests connections that are released in the middle of a transaction or query. */
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import type pg from 'pg';

import { createEmbeddedPool } from '../src/embedded-pool.js';
import { createPostgresPool, type PostgresPoolOptions } from '../src/postgres-pool.js';
import { cachedTemplate } from '../src/template.js';
import { createEmptyServerDatabase, serverOnly, testEngines } from '../src/testing.js';
import { rejectionOf } from './fixtures.js';

const POOL_OPTIONS: PostgresPoolOptions = {
  poolMax: 1,
  connectTimeoutMs: 60_000,
  statementTimeoutMs: 60_000,
  queryTimeoutMs: 60_000,
  applicationName: 'test',
};

describe.each(testEngines())('a pool on %s', (engine) => {
  let pool: pg.Pool;
  let close: () => Promise<void>;

  beforeAll(async () => {
    if (engine === 'pglite') {
      const pglite = await PGlite.create({ loadDataDir: await cachedTemplate([]) });
      pool = createEmbeddedPool(pglite);
      close = () => pglite.close();
    } else {
      const { url, drop } = await createEmptyServerDatabase();
      pool = createPostgresPool(url, POOL_OPTIONS);
      close = drop;
    }
  });
  afterAll(async () => {
    await pool.end();
    await close();
  });

  test.each([
    ['as broken', true],
    ['as usable', false],
  ])('rolls back a transaction whose connection is released %s', async (_how, broken) => {
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('CREATE TABLE abandoned (id int)');
    client.release(broken);
    expect(await rejectionOf(pool.query('SELECT * FROM abandoned'))).toMatchObject({ code: '42P01' });
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('reuses a connection after a failed statement', async () => {
    const client = await pool.connect();
    expect(await rejectionOf(client.query('SELECT 1/0'))).toMatchObject({ code: '22012' });
    expect(await rejectionOf(client.query('SELECT $1::int', ['x']))).toMatchObject({ code: '22P02' });
    expect((await client.query('SELECT $1::int AS n', [2])).rows).toEqual([{ n: 2 }]);
    client.release();
  });

  test('passes five megabytes in both directions unchanged', async () => {
    const text = 'zażółć \u{1F433}'.repeat(400_000);
    const { rows } = await pool.query<{ text: string; length: number }>(
      'SELECT $1::text AS text, length($1) AS length',
      [text],
    );
    expect(rows[0]?.text === text).toBe(true);
    // PostgreSQL counts code points. The whale is one code point but two UTF-16 units.
    expect(rows[0]?.length).toBe(text.length - 400_000);
  });
});

// This test ends a server process, which the embedded database does not have.
serverOnly(test)(
  'after the server ends a connection between two statements, the next statement fails and the connection is replaced',
  async () => {
    const { url, drop } = await createEmptyServerDatabase();
    const pool = createPostgresPool(url, { ...POOL_OPTIONS, poolMax: 2 });
    pool.on('error', () => undefined);
    const client = await pool.connect();
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const ended = new Promise((resolve) => client.once('end', resolve));
    await pool.query('SELECT pg_terminate_backend($1)', [rows[0]!.pid]);
    await ended;
    expect(await rejectionOf(client.query('SELECT 1'))).toBeInstanceOf(Error);
    client.release();
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
    await drop();
  },
);

test('statements of the embedded database do not block the event loop: 64 clients connect during a few statements', async () => {
  const pglite = await PGlite.create({ loadDataDir: await cachedTemplate([]) });
  const pool = createEmbeddedPool(pglite);
  const clientCount = 64;
  let accepted = 0;
  const server = createServer(() => (accepted += 1)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const clients = Array.from({ length: clientCount }, () => connect({ port, host: '127.0.0.1' }));
  let statements = 0;
  for (; accepted < clientCount && statements < 1_000; statements++) {
    await pool.query('SELECT count(*) FROM generate_series(1, 10000)');
  }
  for (const client of clients) client.destroy();
  server.close();
  await pool.end();
  await pglite.close();
  expect(accepted).toBe(clientCount);
  // If the database accepted one client per statement, it would need about 64 statements for all clients.
  expect(statements).toBeLessThan(16);
});
