import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { openDatabase, type Database } from '@muster/db';
import {
  createEmptyServerDatabase,
  createTestDatabase,
  loadMigrations,
  PATIENT,
  serverOnly,
  testEngines,
  type TestDatabase,
} from '@muster/db/testing';
import { eventually } from '@muster/testkit';
import { pino } from 'pino';
import supertest from 'supertest';
import { createApp } from '../src/app.js';
import { issueToken } from '../src/lib/tokens.js';
import { createRetentionService } from '../src/services/maintenance/retention.js';
import { container } from './fixtures.js';
import { TestApi, testClock, useApi } from './harness.js';

const bearer = { type: 'bearer' } as const;

describe.each(testEngines())('an unreachable database on %s', (engine) => {
  test('is reported with 503 and Retry-After, and logged once for many requests', async () => {
    const db = await createTestDatabase(engine);
    await db.close();
    const { token } = issueToken('key');
    const lines: { msg: string; refused?: number }[] = [];
    const write = (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]);
    const app = createApp({ db, logger: pino({ level: 'warn' }, { write }), elapsedMs: () => 0 });
    const getHosts = () => supertest(app).get(Paths.hosts).auth(token, bearer).expect(503);
    const answer = await getHosts();
    expect(answer.body).toMatchObject({ type: '/problems/unavailable', detail: 'The database cannot be reached.' });
    // Retry-After varies, so that the hosts of a fleet do not all reconnect at the same time.
    expect(answer.headers['retry-after']).toMatch(/^[2-5]$/);
    await getHosts();
    // One log line per interval covers all refused requests.
    expect(lines).toMatchObject([{ msg: 'refused requests', refused: 1 }]);
  });
});

describe.each(testEngines())('a host whose history exceeds one batch of a deletion, on %s', (engine) => {
  const context = useApi(engine);

  test('is deleted with all rows of its history', async () => {
    const { db, clock, http } = context.api;
    const organization = await context.api.organization();
    const [host, other] = [await organization.enroll(), await organization.enroll()];
    for (const each of [host, other]) await each.sync([container('a')]);
    await db.prisma.$executeRaw`
      INSERT INTO container_events (tx, "hostId", "organizationId", "dockerId", name, kind, "observedAt", "recordedAt")
      SELECT pg_current_xact_id()::text::bigint, ${host.id}::uuid, ${organization.id}, 'a', 'a', 'updated', ${clock()}, ${clock()}
      FROM generate_series(1, 23000)`;
    const history = ({ id }: { id: string }) => db.prisma.containerEvent.count({ where: { hostId: id } });
    await http.delete(`/api/hosts/${host.id}`).auth(organization.adminKey, bearer).expect(204);
    // The operator's call deletes a limited number of rows. The other rows are hidden, and retention deletes them.
    expect(await history(host)).toBe(3001);
    expect((await organization.get('/api/events').expect(200)).body).toMatchObject({ items: [{ hostId: other.id }] });
    await createRetentionService(db, { now: clock }).prune();
    expect([await history(host), await history(other)]).toEqual([0, 1]);
    expect(await host.present()).toEqual({});
    expect(Object.keys(await other.present())).toEqual(['a']);
  });
});

// The embedded database is not tested: it has one connection, so no call waits for a lock, and its statements have no
// timeout.
serverOnly(describe).each(['postgresql'] as const)('calls that wait for locks on %s', (engine) => {
  let db: TestDatabase;
  let api: TestApi;
  /** The same database with short time limits. Only calls that must exceed a limit use it. */
  let impatientDb: Database;
  beforeAll(async () => {
    db = await createTestDatabase(engine);
    const clock = testClock();
    api = new TestApi(db, createApp({ db, now: clock }), clock);
    impatientDb = await openDatabase({ url: db.url! }, { ...PATIENT, statementTimeoutMs: 2000, lockWaitMsMax: 2000 });
  });
  afterAll(async () => {
    await impatientDb.close();
    await db.close();
  });

  /** Waits until a connection waits for a lock. */
  async function waitForBlockedConnection(): Promise<void> {
    for (;;) {
      const waiting = await db.prisma.$queryRaw<unknown[]>`
        SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      if (waiting.length > 0) return;
    }
  }

  test('are refused with 503 if the wait exceeds the statement timeout', async () => {
    const organization = await api.organization();
    const host = await organization.enroll();
    const { http } = new TestApi(impatientDb, createApp({ db: impatientDb, now: api.clock }), api.clock);
    const rename = http.patch(`/api/hosts/${host.id}`).auth(organization.adminKey, bearer).send({ name: 'new' });
    const answer = await db.prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT id FROM hosts WHERE id = ${host.id}::uuid FOR UPDATE`;
      return rename;
    });
    expect(answer.status).toBe(503);
    expect(answer.body).toMatchObject({ detail: 'The database did not answer in time.' });
  });

  test('return complete lists or a 503 response with a hint until an upgrade has built all indexes', async () => {
    const upgraded = await createTestDatabase(engine);
    const clock = testClock();
    const before = new TestApi(upgraded, createApp({ db: upgraded, now: clock }), clock);
    const organization = await before.organization();
    const host = await organization.enroll();
    const labels = { 'com.docker.compose.project': 'blog', 'com.docker.compose.service': 'web' };
    await host.sync([container('a', { labels, image: 'blog:1', imageDigest: 'sha256:aa' }), container('b')]);
    await host.sync([container('a', { labels, image: 'blog:1', imageDigest: 'sha256:aa' })]);
    const paths = [
      ...['/api/projects', '/api/images', '/api/images/builds?image=blog:1', '/api/search?q=blog', '/api/attention'],
      ...['project=blog&service=web', 'service=web&presence=all', 'imageDigest=sha256:aa', 'problem=crash_loop'].map(
        (query) => `${Paths.containers}?${query}`,
      ),
      ...['service=web', 'project=blog'].map((query) => `${Paths.events}?${query}`),
    ];
    const readAll = async (api: TestApi) => {
      const answers = paths.map((path) => api.http.get(path).auth(organization.adminKey, bearer).expect(200));
      return (await Promise.all(answers)).map(({ body }) => body as object);
    };
    const expected = await readAll(before);

    const indexes = (await loadMigrations()).filter(({ name, index }) => index !== null && name >= '20261130');
    expect(indexes.length).toBeGreaterThan(0);
    for (const { name, index } of indexes) {
      await upgraded.prisma.$executeRawUnsafe(`DROP INDEX "${index!.name}"`);
      await upgraded.prisma.$executeRaw`DELETE FROM _prisma_migrations WHERE migration_name = ${name}`;
    }
    const reopened = await openDatabase({ url: upgraded.url! }, PATIENT);
    expect(await readAll(new TestApi(reopened, createApp({ db: reopened, now: clock }), clock))).toEqual(expected);
    await reopened.close();
    const impatient = await openDatabase({ url: upgraded.url! }, { ...PATIENT, statementTimeoutMs: 500 });
    const after = new TestApi(impatient, createApp({ db: impatient, now: clock }), clock);

    const readSlowly = () =>
      upgraded.prisma.$transaction(async (tx) => {
        await tx.$executeRaw`LOCK TABLE containers IN ACCESS EXCLUSIVE MODE`;
        return after.http.get('/api/projects').auth(organization.adminKey, bearer);
      });
    const answer = await readSlowly();
    expect(answer.status).toBe(503);
    expect((answer.body as { detail: string }).detail).toContain('until all indexes are built');
    expect(answer.headers['retry-after']).toMatch(/^[2-5]$/);
    expect(await impatient.buildIndexes()).toEqual(indexes.map(({ name }) => name));
    expect((await readSlowly()).body).toMatchObject({ detail: 'The database did not answer in time.' });
    await impatient.close();
    await upgraded.close();
  });

  test('are retried and succeed if PostgreSQL cancels them because of a deadlock', async () => {
    const organization = await api.organization();
    const host = await organization.enroll();
    const deletion = api.http.delete(`/api/hosts/${host.id}`).auth(organization.adminKey, bearer);
    let answer: Promise<{ status: number }> | undefined;
    await db.prisma.$transaction(async (tx) => {
      // PostgreSQL cancels the deadlocked statement that is first to check for a deadlock. This timeout makes the
      // deletion check first.
      await tx.$executeRawUnsafe(`SET LOCAL deadlock_timeout = '10s'`);
      await tx.$queryRaw`SELECT id FROM agent_tokens WHERE "hostId" = ${host.id}::uuid FOR UPDATE`;
      // The deletion locks the host's row and waits for the token's row.
      answer = deletion.then(({ status }) => ({ status }));
      // A transaction that waits for a row releases its locks from time to time and then tries again.
      await eventually(async () => {
        await waitForBlockedConnection();
        const free = db.prisma.$queryRaw`SELECT id FROM hosts WHERE id = ${host.id}::uuid FOR UPDATE SKIP LOCKED`;
        expect(await free).toEqual([]);
      });
      await tx.$queryRaw`SELECT id FROM hosts WHERE id = ${host.id}::uuid FOR UPDATE`;
    });
    expect(await answer).toEqual({ status: 204 });
    await host.post([]).expect(410);
    const audit = await db.prisma.auditEntry.findMany({
      where: { target: `host:${host.id}`, action: 'host.deleted' },
    });
    expect(audit).toHaveLength(1);
  });
});

// The embedded database has no other connection that could make it read-only.
serverOnly(describe).each(['postgresql'] as const)('a read-only database on %s', () => {
  test('causes 503 with Retry-After and makes /readyz fail until it accepts writes again', async () => {
    const { url, drop } = await createEmptyServerDatabase();
    // The admin connection always accepts writes, because the read-only setting applies only to later connections.
    const admin = await openDatabase({ url }, { ...PATIENT, applicationName: 'admin', poolMax: 1 });
    const db = await openDatabase({ url }, { ...PATIENT, poolMax: 2 });
    try {
      const clock = testClock();
      const api = new TestApi(db, createApp({ db, now: clock, elapsedMs: () => clock().getTime() }), clock);
      const { adminKey } = await api.organization();
      const write = () => api.http.post(Paths.enrollmentTokens).auth(adminKey, bearer).send({ name: 'x' });
      await write().expect(201);
      const name = new URL(url).pathname.slice(1);
      await admin.prisma.$executeRawUnsafe(`ALTER DATABASE "${name}" SET default_transaction_read_only = on`);
      await admin.prisma.$queryRaw`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = ${name} AND application_name <> 'admin'`;
      const refusals = await Promise.all([write(), write(), write()]);
      for (const { status, headers } of refusals) {
        expect([status, headers['retry-after']]).toEqual([503, expect.stringMatching(/^[2-5]$/)]);
      }
      expect((await write()).body).toMatchObject({
        type: '/problems/unavailable',
        detail: 'The database is read-only.',
      });
      clock.advance(1_000);
      await api.http.get(Paths.ready).expect(503);
      await admin.prisma.$executeRawUnsafe(`ALTER DATABASE "${name}" RESET default_transaction_read_only`);
      // The pool closed each connection that refused a write, so the next write uses a new connection.
      await write().expect(201);
      clock.advance(1_000);
      await api.http.get(Paths.ready).expect(200);
    } finally {
      await db.close();
      await admin.close();
      await drop();
    }
  });
});
