import { describe, expect, jest, test } from '@jest/globals';
import { LongText, type Database, type Statement } from '@muster/db';
import { createTestDatabase, serverOnly, testEngines } from '@muster/db/testing';
import { Socket } from 'node:net';
import { rejectionOf } from './fixtures.js';

const PIECE = Buffer.from('ä"\\\n'.repeat(10_000));
const long = (pieces: number) => new LongText(Array.from({ length: pieces }, () => PIECE));

const STATEMENT: Statement = {
  name: 'long_text',
  text: `SELECT md5($1::text) AS digest, octet_length($1::text) AS length, $2::text AS text, $3::int AS number,
    $4::boolean AS flag, $5::timestamptz AS instant, $6::text[] AS list, $7::text AS nothing, $8::jsonb AS json`,
};

const withDatabase = async (engine: 'pglite' | 'postgresql', action: (db: Database) => Promise<void>) => {
  const db = await createTestDatabase(engine);
  try {
    await action(db);
  } finally {
    await db.close();
  }
};

describe.each(testEngines())('a long text, on %s', (engine) => {
  test('arrives unchanged, together with values of every type', () =>
    withDatabase(engine, async (db) => {
      const instant = new Date('2026-11-28T08:00:00.123Z');
      const list = ['plain', 'with "quotes" and \\', 'a, b', '{}', 'NULL', ''];
      const values = [long(100), "it's", -7, true, instant, list, null, '{"a": [1]}'];
      const [whole] = await db.query<{ digest: string }>(
        { name: 'whole_text', text: 'SELECT md5($1::text) AS digest' },
        [long(100).toString()],
      );
      // The second time, the connection may already have prepared the statement.
      for (let time = 1; time <= 2; time++) {
        expect(await db.queryWithTimeout(STATEMENT, values, 5_000)).toEqual([
          {
            digest: whole!.digest,
            length: 100 * PIECE.length,
            text: "it's",
            number: -7,
            flag: true,
            instant,
            list,
            nothing: null,
            json: { a: [1] },
          },
        ]);
      }
    }));

  test('in a failed statement does not affect the next statement', () =>
    withDatabase(engine, async (db) => {
      const broken: Statement = { name: 'broken', text: 'SELECT $1::text::int AS number' };
      expect(await rejectionOf(db.queryWithTimeout(broken, [long(1)], 5_000))).toMatchObject({ code: '22P02' });
      expect(await db.queryWithTimeout(broken, ['7'], 5_000)).toEqual([{ number: 7 }]);
      expect(await rejectionOf(db.queryWithTimeout(broken, [long(1), {}], 5_000))).toBeInstanceOf(Error);
      expect(await db.queryWithTimeout(broken, ['8'], 5_000)).toEqual([{ number: 8 }]);
    }));
});

// The embedded database receives its messages without a socket.
serverOnly(test)('a long text is written in pieces and never copied into one message', () =>
  withDatabase('postgresql', async (db) => {
    const write = jest.spyOn(Socket.prototype, 'write');
    try {
      await db.queryWithTimeout(
        { name: 'length', text: 'SELECT octet_length($1::text), octet_length($2::text)' },
        [long(100), new LongText([Buffer.alloc(1_000_000, 'a')])],
        5_000,
      );
      const sizes = write.mock.calls.map(([chunk]) => (Buffer.isBuffer(chunk) ? chunk.length : 0));
      const total = sizes.reduce((sum, size) => sum + size, 0);
      expect(total).toBeGreaterThan(100 * PIECE.length + 1_000_000);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024);
    } finally {
      write.mockRestore();
    }
  }),
);
