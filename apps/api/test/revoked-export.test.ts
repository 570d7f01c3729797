import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { createTestDatabase } from '@muster/db/testing';
import { createApp } from '../src/app.js';
import { serve, type HttpServer } from '../src/http/server.js';
import { container } from './fixtures.js';
import { TestApi, testClock, type TestOrganization } from './harness.js';

/** Each host has 1,000 rows of 8 kB, so that all rows together exceed the buffers between database and reader. */
const HOSTS = 3;

describe('an export that is read slowly', () => {
  let db: Database;
  let server: HttpServer;
  let organization: TestOrganization;

  beforeAll(async () => {
    db = await createTestDatabase('pglite');
    const clock = testClock();
    const app = createApp({ db, now: clock, stream: { recheckMs: 0 } });
    organization = await new TestApi(db, app, clock).organization();
    const rows = Array.from({ length: 1_000 }, (_, i) => container(`c${i}`, { labels: { large: 'x'.repeat(8_000) } }));
    for (let host = 0; host < HOSTS; host += 1) await (await organization.enroll()).sync(rows);
    server = await serve(app, { host: '127.0.0.1', port: 0 });
  });
  afterAll(async () => {
    await server.drain(0);
    await db.close();
  });

  const linesAfter = async (betweenReads: () => Promise<unknown>, key: string): Promise<number | 'broken off'> => {
    const url = `${server.url}${Paths.exportContainers}?format=ndjson`;
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${key}` } });
    expect(answer.status).toBe(200);
    const reader = answer.body!.getReader();
    const pieces = [(await reader.read()).value!];
    await betweenReads();
    try {
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) pieces.push(piece.value);
    } catch {
      return 'broken off';
    }
    return Buffer.concat(pieces).toString().split('\n').length - 1;
  };

  test('is aborted when its key is revoked, without rows that were read after the revocation', async () => {
    const key = await organization.api.apiKey(organization.id, 'viewer');
    const revoke = async () => {
      await db.prisma.apiKey.updateMany({ where: { role: 'viewer' }, data: { revokedAt: new Date() } });
      // The API caches the result of a key check for a second.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
    };
    expect(await linesAfter(revoke, key)).toBe('broken off');
  });

  test('is complete while its key is valid', async () => {
    expect(await linesAfter(() => Promise.resolve(), organization.adminKey)).toBe(HOSTS * 1_000);
  });
});
