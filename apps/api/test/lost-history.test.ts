import { afterEach, describe, expect, test } from '@jest/globals';
import { openDatabase, type Database } from '@muster/db';
import { PATIENT, serverOnly, testEngines } from '@muster/db/testing';
import { eventually, startPostgresCluster } from '@muster/testkit';
import { randomUUID } from 'node:crypto';
import { createApp } from '../src/app.js';
import { isSameHistory } from '../src/lib/database-history.js';
import { findRevokedTokens } from '../src/services/enrollment/find-revoked-tokens.sql.js';
import { readFeed } from '../src/services/live/read-feed.sql.js';
import { container } from './fixtures.js';
import { clocksOf, TestApi, testClock, useApi, type TestHost } from './harness.js';
import { TestServer } from './test-server.js';

/**
 * Changes the history that a database reports: `server` replaces the server, and `ahead` is added to the
 * transaction horizon.
 */
interface History {
  server: string;
  ahead: bigint;
}

/** The histories before and after a failover to a standby that lacks the last transactions of its primary. */
const FAILOVERS: [what: string, before: History, after: History][] = [
  ['whose horizon is lower', { server: 'the same', ahead: 1_000_000n }, { server: 'the same', ahead: 0n }],
  ['whose horizon is already higher', { server: 'old primary', ahead: 0n }, { server: 'promoted standby', ahead: 0n }],
];

/** Calls `read` until it returns the expected value. Fails after 30 seconds. */
const expectInTime = <T>(read: () => Promise<T>, expected: T): Promise<void> =>
  eventually(async () => expect(await read()).toBe(expected), 30_000, 10);

/** Returns the same database, but with the given history. The test changes the history in place. */
function withHistory(db: Database, history: History): Database {
  const withChanges = <Row extends object>(row: Row): Row =>
    'horizon' in row && 'server' in row
      ? { ...row, server: history.server, horizon: inTypeOf(row.horizon, history.ahead + BigInt(String(row.horizon))) }
      : row;
  const queryRaw = async (...query: Parameters<typeof db.prisma.$queryRaw>) =>
    (await db.prisma.$queryRaw<object[]>(...query)).map(withChanges);
  return {
    ...db,
    query: async <Row extends object>(...query: Parameters<typeof db.query>) =>
      (await db.query<Row>(...query)).map(withChanges),
    prisma: new Proxy(db.prisma, {
      get: (target, name) => (name === '$queryRaw' ? queryRaw : (Reflect.get(target, name) as unknown)),
    }),
  };
}

const inTypeOf = (sample: unknown, value: bigint) => (typeof sample === 'string' ? String(value) : value);

test('two history points belong to one history only if the server is the same and the horizon did not decrease', () => {
  const before = { server: 'one', horizon: 10n };
  expect(isSameHistory(before, { server: 'one', horizon: 10n })).toBe(true);
  expect(isSameHistory(before, { server: 'one', horizon: 11n })).toBe(true);
  expect(isSameHistory(before, { server: 'one', horizon: 9n })).toBe(false);
  expect(isSameHistory(before, { server: 'two', horizon: 11n })).toBe(false);
});

// The embedded database runs in this process, so it cannot crash without the process.
serverOnly(test)(
  'a crash starts another history, whether or not the server’s main process survives the crash',
  async () => {
    const cluster = await startPostgresCluster();
    const db = await openDatabase({ url: cluster.url }, PATIENT);
    const poll = () => eventually(() => findRevokedTokens(db, null), 60_000, 50);
    try {
      const first = await poll();
      expect(isSameHistory(first, await poll())).toBe(true);
      const [{ pid }] = await db.prisma.$queryRaw<[{ pid: number }]>`
      SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' ORDER BY backend_start LIMIT 1`;
      process.kill(pid, 'SIGKILL');
      // A poll can return the first history until the server has closed all connections and recovered.
      const second = await eventually(
        async () => {
          const found = await poll();
          expect(found.server).not.toBe(first.server);
          return found;
        },
        60_000,
        50,
      );
      await cluster.crash();
      await cluster.restart();
      expect((await poll()).server).not.toBe(second.server);
    } finally {
      await db.close();
      await cluster.stop();
    }
  },
  180_000,
);

describe.each(testEngines())('on %s,', (engine) => {
  const context = useApi(engine);
  const servers: TestServer[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  test('all statements belong to one history, on any connection, while no transaction is lost', async () => {
    const { db } = context.api;
    for (let round = 0; round < 20; round++) {
      const [before, alike] = await Promise.all([findRevokedTokens(db, null), readFeed(db, [])]);
      expect(alike.server).toBe(before.server);
      await context.api.organization();
      const feed = await readFeed(db, []);
      expect(isSameHistory(before, feed)).toBe(true);
      expect(isSameHistory(feed, await findRevokedTokens(db, before.horizon))).toBe(true);
    }
  });

  test.each(FAILOVERS)(
    'after a failover to a server %s, no revoked token is accepted',
    async (_what, before, after) => {
      const { db } = context.api;
      const clock = testClock(context.api.clock());
      const history = { ...before };
      const api = new TestApi(db, createApp({ db: withHistory(db, history), ...clocksOf(clock) }), clock);
      const [host, other] = await Promise.all(
        ['one', 'two'].map(async () => (await (await context.api.organization()).enroll()).through(api)),
      );
      const beat = async (of = host!) => (await of.beat({ digest: null })).status;
      // A token is cached for longer than five seconds (`ENTRY_TTL_MS`) if it is looked up after a poll for
      // revocations. These calls therefore keep both tokens cached past the failover.
      for (let poll = 0; poll < 3; poll++) {
        expect([await beat(), await beat(other)]).toEqual([200, 200]);
        clock.advance(2_500);
      }

      Object.assign(history, after);
      await db.prisma.agentToken.updateMany({ where: { hostId: host!.id }, data: { revokedAt: clock() } });
      // This transaction id is below every horizon that the process has seen.
      await db.prisma.agentToken.updateMany({ where: { hostId: host!.id }, data: { revokedTx: 3 } });
      clock.advance(2_000);
      await expectInTime(beat, 401);
      expect(await beat(other)).toBe(200);
    },
  );

  test.each(FAILOVERS)(
    'after a failover to a server %s, stream clients get a reset and the new changes',
    async (_what, before, after) => {
      const { db, clock } = context.api;
      const history = { ...before };
      const stream = { feedIntervalMs: 20, hostsIntervalMs: 20, recheckMs: 50 };
      const server = await TestServer.start(createApp({ db: withHistory(db, history), now: clock, stream }));
      servers.push(server);
      const organization = await context.api.organization();
      const host = await organization.enroll();
      await host.sync([container('before')]);
      const listening = await server.listen(organization.adminKey);
      await listening.until(() => listening.of('freshness').length > 0);
      await host.sync([container('before'), container('known')]);
      if (before.ahead === 0n) await listening.until(() => listening.of('container').length > 0);

      Object.assign(history, after);
      await listening.until(() => listening.of('reset').length > 0);
      await host.sync([container('before'), container('known'), container('new')]);
      await listening.until(() => listening.of('container').some(({ data }) => data.dockerId === 'new'));
      expect(listening.of('reset')).toHaveLength(1);
      // A client that connects now gets the current state and no reset.
      const later = await server.listen(organization.adminKey);
      await later.until(() => later.of('freshness').length > 0);
      await host.sync([container('before')]);
      await later.until(() => later.of('container').length >= 2);
      expect(later.of('reset')).toEqual([]);
    },
  );

  /**
   * Saves the current rows of a host and its containers, and returns a function that restores them, as if all later
   * commits were lost.
   */
  async function saveRows(host: TestHost): Promise<() => Promise<void>> {
    const { prisma } = context.api.db;
    const table = prisma.$executeRawUnsafe.bind(prisma);
    const suffix = randomUUID().replaceAll('-', '');
    for (const [name, column] of [
      ['hosts', 'id'],
      ['containers', '"hostId"'],
    ] as const) {
      await table(`CREATE TABLE "${name}_${suffix}" AS SELECT * FROM ${name} WHERE ${column} = '${host.id}'::uuid`);
    }
    const columns = await prisma.$queryRaw<{ name: string }[]>`
      SELECT quote_ident(column_name) AS name FROM information_schema.columns
      WHERE table_schema = current_schema() AND table_name = 'hosts' AND is_generated = 'NEVER'`;
    const names = columns.map(({ name }) => name).join();
    return async () => {
      await table(`DELETE FROM containers WHERE "hostId" = '${host.id}'::uuid`);
      await table(
        `UPDATE hosts SET (${names}) = (SELECT ${names} FROM "hosts_${suffix}") WHERE id = '${host.id}'::uuid`,
      );
      await table(`INSERT INTO containers SELECT * FROM "containers_${suffix}"`);
    };
  }

  const byId = (containers: ReturnType<typeof container>[]) =>
    Object.fromEntries(containers.map((each) => [each.dockerId, each]));

  test('a snapshot is not compared with a cached snapshot that the database has lost', async () => {
    const host = await (await context.api.organization()).enroll();
    const replicaHost = host.through(context.api.replica());
    const [db, web, job] = [container('db'), container('web'), container('job')];
    await host.sync([db]);
    const loseCommits = await saveRows(host);
    const lost = await host.sync([db, web]);
    await loseCommits();
    const written = await replicaHost.sync([db, job]);
    expect(written.revision).toBe(lost.revision);

    // The first process still caches the lost snapshot. The revision of the lost snapshot is equal to the current
    // revision of the host.
    const next = [container('db', { state: 'exited', status: 'Exited (0) 1 second ago' }), web];
    const { applied, digest } = await host.sync(next);
    expect(applied).toBe(true);
    expect(await host.present()).toEqual(byId(next));
    expect(await host.host()).toMatchObject({ containerCount: 2, digest });
    expect((await host.sync(next)).unchanged).toBe(2);
  });

  test('an incomplete snapshot is compared with the stored rows, even if the host has no digest', async () => {
    const { db, clock } = context.api;
    const host = await (await context.api.organization()).enroll();
    const replicaHost = host.through(context.api.replica());
    const incomplete = { 'Snapshot-Complete': 'false' };
    const named = (dockerId: string, name: string) => container(dockerId, { name });
    await host.sync([container('a'), container('b')]);
    clock.advance(1_000);
    await host.sync([named('a', 'a2')], incomplete);
    const loseCommits = await saveRows(host);
    clock.advance(1_000);
    const lost = await host.sync([named('b', 'b3')], incomplete);
    let revision: number | null = null;
    // The database fails over while a process is paused between its read and its write.
    const paused: Database = {
      ...db,
      async query<Row extends object>(...query: Parameters<Database['query']>) {
        const rows = await db.query<Row>(...query);
        if (query[0].name === 'read_named_containers' && revision === null) {
          await loseCommits();
          clock.advance(1_000);
          ({ revision } = await replicaHost.sync([named('a', 'a3')], incomplete));
        }
        return rows;
      },
    };
    const api = new TestApi(db, createApp({ db: paused, ...clocksOf(clock) }), clock);
    const { applied } = await host.through(api).sync([named('b', 'b3'), container('c')], incomplete);
    expect([applied, revision]).toEqual([true, lost.revision]);
    expect(await host.present()).toEqual(byId([named('a', 'a3'), named('b', 'b3'), container('c')]));
  });
});
