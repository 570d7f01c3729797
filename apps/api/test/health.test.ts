import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { createTestDatabase } from '@muster/db/testing';
import supertest from 'supertest';
import { createApp } from '../src/app.js';

describe('/readyz', () => {
  let db: Database;
  beforeAll(async () => {
    db = await createTestDatabase('pglite');
  });
  afterAll(() => db.close());

  /** Creates an application that checks its database with `ping`, and counts the checks. */
  function createCountingApp(ping: () => Promise<void>) {
    const elapsed = { ms: 0 };
    const checks = { count: 0 };
    const counting: Database = {
      ...db,
      ping: () => {
        checks.count += 1;
        return ping();
      },
    };
    const app = createApp({ db: counting, elapsedMs: () => elapsed.ms });
    const getReady = () => supertest(app).get(Paths.ready);
    return { elapsed, checks, getReady };
  }

  test('checks the database once for all requests within a quarter of a second', async () => {
    const { elapsed, checks, getReady } = createCountingApp(() => db.ping());
    const answers = await Promise.all(Array.from({ length: 50 }, () => getReady()));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(checks.count).toBe(1);
    elapsed.ms += 250;
    await getReady().expect(200);
    expect(checks.count).toBe(2);
  });

  test('reuses the result of a failed check for a quarter of a second, and no longer', async () => {
    let isUnreachable = true;
    const error = Object.assign(new Error('away'), { code: 'ECONNREFUSED' });
    const { elapsed, checks, getReady } = createCountingApp(() =>
      isUnreachable ? Promise.reject(error) : Promise.resolve(),
    );
    await getReady().expect(503);
    await getReady().expect(503);
    expect(checks.count).toBe(1);
    isUnreachable = false;
    elapsed.ms += 250;
    await getReady().expect(200);
  });
});
