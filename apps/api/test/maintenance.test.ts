import { describe, expect, test } from '@jest/globals';
import { testEngines } from '@muster/db/testing';
import { randomBytes, randomUUID } from 'node:crypto';
import { createLivenessService } from '../src/services/freshness/liveness.js';
import { createRetentionService } from '../src/services/maintenance/retention.js';
import { ensureAdminKey } from '../src/services/accounts/api-keys.js';
import { issueToken } from '../src/lib/tokens.js';
import { container } from './fixtures.js';
import { testClock, useApi, type TestHost } from './harness.js';

const DAY_MS = 86_400_000;

describe.each(testEngines())('retention on %s:', (engine) => {
  const context = useApi(engine);

  test('a removed container is kept for 7 days, and a present container is kept without a time limit', async () => {
    const { clock, db } = context.api;
    const host = await (await context.api.organization()).enroll();
    const retention = createRetentionService(db, { now: clock });
    await host.sync([container('kept'), container('gone')]);
    await host.sync([container('kept')]);
    clock.advance(7 * DAY_MS);
    expect(await retention.prune()).toMatchObject({ containers: 0 });
    const { revision } = await host.host();
    clock.advance(1);
    expect(await retention.prune()).toMatchObject({ containers: 1 });
    expect(await host.row('gone')).toBeNull();
    expect(await host.row('kept')).not.toBeNull();
    expect((await host.host()).revision).toBe(revision + 1);
    expect(await host.sync([container('kept'), container('gone')])).toMatchObject({ created: 1, unchanged: 1 });
  });

  test('if a host has too many removed containers, the oldest are deleted', async () => {
    const { clock, db } = context.api;
    const host = await (await context.api.organization()).enroll();
    const retention = createRetentionService(db, { now: clock, removedKeptMax: 2 });
    for (const id of ['first', 'second', 'third']) {
      await host.sync([container(id)]);
      clock.advance(1000);
    }
    await host.sync([]);
    expect(await retention.prune()).toMatchObject({ containers: 1 });
    expect(await host.row('first')).toBeNull();
    expect(await host.row('third')).not.toBeNull();
  });

  test('containers that snapshots restore while retention runs are not lost', async () => {
    const { clock, db } = context.api;
    const host = await (await context.api.organization()).enroll();
    const retention = createRetentionService(db, { now: clock });
    const containers = Array.from({ length: 20 }, (_, i) => container(`c${i}`));
    for (let round = 0; round < 20; round++) {
      await host.sync(containers);
      await host.sync([]);
      clock.advance(8 * DAY_MS);
      await Promise.all([retention.prune(), host.sync(containers)]);
      expect(Object.keys(await host.present())).toHaveLength(20);
    }
  });

  test("a deleted host's tokens are distinguished from unknown tokens for 30 days", async () => {
    const { clock, db, http } = context.api;
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const retention = createRetentionService(db, { now: clock });
    await http.delete(`/api/hosts/${host.id}`).auth(organization.adminKey, { type: 'bearer' }).expect(204);
    clock.advance(30 * DAY_MS);
    await retention.prune();
    await host.post([]).expect(410);
    clock.advance(1);
    await retention.prune();
    await host.post([]).expect(401);
  });
});

describe.each(testEngines())('retention of expired rows on %s:', (engine) => {
  const context = useApi(engine);

  test('sessions and sign-in verifications are deleted when they expire, and invitations 30 days later', async () => {
    const { clock, db } = context.api;
    const { id: organizationId } = await context.api.organization();
    const at = clock();
    const dates = { createdAt: at, updatedAt: at };
    const user = await db.prisma.user.create({
      data: { id: randomUUID(), name: 'Ada', email: `${randomUUID()}@example.org`, ...dates },
    });
    const inADay = new Date(at.getTime() + DAY_MS);
    const inAWeek = new Date(at.getTime() + 7 * DAY_MS);
    for (const expiresAt of [inADay, inAWeek]) {
      const own = { id: randomUUID(), expiresAt, ...dates };
      await db.prisma.session.create({ data: { ...own, userId: user.id, token: randomUUID() } });
      await db.prisma.verification.create({ data: { ...own, id: randomUUID(), identifier: 'x', value: 'y' } });
    }
    const invited = {
      organizationId,
      email: 'b@example.org',
      role: 'viewer' as const,
      createdAt: at,
      expiresAt: inADay,
    };
    await db.prisma.invitation.create({ data: { ...invited, hash: randomBytes(32) } });

    const retention = createRetentionService(db, { now: clock });
    const left = async () => [
      await db.prisma.session.count({ where: { userId: user.id } }),
      await db.prisma.verification.count(),
      await db.prisma.invitation.count({ where: { organizationId } }),
    ];
    clock.advance(DAY_MS);
    expect(await retention.prune()).toMatchObject({ expired: 0 });
    clock.advance(1);
    expect(await retention.prune()).toMatchObject({ expired: 2 });
    expect(await left()).toEqual([1, 1, 1]);
    clock.advance(30 * DAY_MS);
    expect(await retention.prune()).toMatchObject({ expired: 3 });
    expect(await left()).toEqual([0, 0, 0]);
  });
});

describe.each(testEngines())('retention of events on %s', (engine) => {
  const context = useApi(engine);

  /** Creates two hosts, each with old events and more recent events. */
  async function createHostsWithHistory() {
    const { clock } = context.api;
    const organization = await context.api.organization();
    const hosts = [await organization.enroll(), await organization.enroll()] as const;
    for (const host of hosts) await host.sync([1, 2, 3, 4, 5].map((i) => container(`old${i}`)));
    clock.advance(1);
    for (const host of hosts) await host.sync([container('old1'), container('young')]);
    return hosts;
  }
  const kinds = async (host: TestHost) => (await host.history()).map(([kind]) => kind);
  const AFTER = ['created', 'removed', 'removed', 'removed', 'removed'];

  test('deletes events after the configured number of days in several batches, and deletes no audit entries', async () => {
    const { clock, db } = context.api;
    const hosts = await createHostsWithHistory();
    const audited = await db.prisma.auditEntry.count();
    const retention = createRetentionService(db, { now: clock, eventDays: 10, eventBatchRows: 2, pauseMs: 0 });
    clock.advance(10 * DAY_MS - 1);
    expect(await retention.prune()).toMatchObject({ events: 0 });
    clock.advance(1);
    // The number includes the enrollment event of each host.
    expect(await retention.prune()).toMatchObject({ events: 10 + 2 });
    for (const host of hosts) expect((await kinds(host)).sort()).toEqual(AFTER);
    expect(await db.prisma.auditEntry.count()).toBe(audited);
  });

  test('in several processes at the same time deletes only old events, and stops when requested', async () => {
    const { clock, db } = context.api;
    const [one, two] = await createHostsWithHistory();
    clock.advance(10 * DAY_MS);
    const options = { now: clock, eventDays: 10, eventBatchRows: 2, pauseMs: 0 };
    let isStopped = false;
    const watched: typeof db = {
      ...db,
      query: async <Row extends object>(...[statement, values]: Parameters<typeof db.query>) => {
        const rows = await db.query<Row>(statement, values);
        if (statement.name === 'prune_container_events') isStopped = true;
        return rows;
      },
    };
    const stopped = await createRetentionService(watched, options).prune(() => isStopped);
    expect(stopped).toMatchObject({ events: 2 });
    await Promise.all([1, 2, 3].map(() => createRetentionService(db, options).prune()));
    // A process skips rows that another process has locked. If a process finds fewer rows than a full batch, it stops
    // until its next run.
    await createRetentionService(db, options).prune();
    for (const host of [one, two]) expect((await kinds(host)).sort()).toEqual(AFTER);
  });

  test('with 0 days deletes nothing', async () => {
    const { clock, db } = context.api;
    const [host] = await createHostsWithHistory();
    clock.advance(36_500 * DAY_MS);
    expect(await createRetentionService(db, { now: clock, eventDays: 0 }).prune()).toMatchObject({ events: 0 });
    expect(await kinds(host)).toHaveLength(10);
  });
});

describe.each(testEngines())('liveness on %s:', (engine) => {
  const context = useApi(engine);

  test('one of the processes that start records a period without a liveness beat as an outage', async () => {
    const { db } = context.api;
    const clock = testClock();
    const replicas = [createLivenessService(db, { now: clock }), createLivenessService(db, { now: clock })];
    for (let beat = 0; beat < 3; beat++) {
      await Promise.all(replicas.map((replica) => replica.recordLiveness()));
      clock.advance(5000);
    }
    expect(await replicas[0]!.outages()).toEqual([]);
    clock.advance(60_000);
    await Promise.all(replicas.map((replica) => replica.recordLiveness()));
    const outage = { startedAt: new Date(clock().getTime() - 65_000), endedAt: clock() };
    expect(await replicas[0]!.outages()).toEqual([outage]);
    clock.advance(6000);
    expect(await replicas[1]!.outages()).toEqual([outage]);
  });

  test('hosts that were online before an outage are online before and after the next liveness beat', async () => {
    const { clock, db } = context.api;
    const organization = await context.api.organization();
    const liveness = createLivenessService(db, { now: clock });
    const host = await organization.enroll();
    const freshness = async () =>
      ((await organization.get(`/api/hosts/${host.id}`).expect(200)).body as { freshness: string }).freshness;
    await host.sync([container('a')]);
    await liveness.recordLiveness();
    expect(await freshness()).toBe('online');
    clock.advance(3_600_000);
    expect(await freshness()).toBe('online');
    await liveness.recordLiveness();
    expect(await freshness()).toBe('online');
    // Agents have a minute to reconnect.
    for (let beats = 0; beats < 18; beats++) {
      clock.advance(5000);
      await liveness.recordLiveness();
    }
    expect(await freshness()).toBe('online');
    clock.advance(1000);
    expect(await freshness()).toBe('stale');
  });

  test('a replica sees an outage that began after its last read, and later sees the end of the outage', async () => {
    const { db } = context.api;
    await db.prisma.serviceOutage.deleteMany();
    await db.prisma.serviceLiveness.deleteMany();
    const clock = testClock();
    const [one, two] = [createLivenessService(db, { now: clock }), createLivenessService(db, { now: clock })];
    await one.recordLiveness();
    const startedAt = clock();
    clock.advance(9000);
    expect(await two.outages()).toEqual([]);
    clock.advance(2000);
    expect(await two.outages()).toEqual([{ startedAt, endedAt: clock() }]);
    clock.advance(2000);
    const endedAt = clock();
    await one.recordLiveness();
    clock.advance(1000);
    expect(await two.outages()).toEqual([{ startedAt, endedAt }]);
  });

  test.each([
    [1, 500],
    [3, 1500],
    [10, 5000],
    [3600, 5000],
  ])(
    'with a heartbeat every %d s, a gap of more than two intervals between liveness beats is an outage',
    async (seconds, intervalMs) => {
      const { db } = context.api;
      await db.prisma.serviceOutage.deleteMany();
      await db.prisma.serviceLiveness.deleteMany();
      const clock = testClock();
      const cadence = { heartbeatSeconds: seconds, snapshotSeconds: 60 };
      const liveness = createLivenessService(db, { now: clock, cadence });
      expect(liveness.intervalMs).toBe(intervalMs);
      await liveness.recordLiveness();
      clock.advance(2 * intervalMs);
      await liveness.recordLiveness();
      expect(await liveness.outages()).toEqual([]);
      const startedAt = clock();
      clock.advance(2 * intervalMs + 1);
      await liveness.recordLiveness();
      expect(await liveness.outages()).toEqual([{ startedAt, endedAt: clock() }]);
    },
  );
});

describe.each(testEngines())('the first admin key on %s', (engine) => {
  const context = useApi(engine);

  test('is created only once if several processes start together, and MUSTER_ADMIN_KEY is an additional valid key', async () => {
    const { db, http } = context.api;
    const createdKeys: string[] = [];
    const handOver = async (key: string) => void createdKeys.push(key);
    await Promise.all([1, 2, 3].map(() => ensureAdminKey(db, null, context.api.clock(), handOver)));
    expect(createdKeys).toHaveLength(1);
    await http.get('/api/hosts').auth(createdKeys[0]!, { type: 'bearer' }).expect(200);
    const { token } = issueToken('key');
    for (let start = 0; start < 2; start++) await ensureAdminKey(db, token, context.api.clock(), handOver);
    expect(createdKeys).toHaveLength(1);
    await http.post('/api/enrollment-tokens').auth(token, { type: 'bearer' }).send({ name: 'x' }).expect(201);
    expect(await db.prisma.apiKey.count()).toBe(2);
  });

  test('from MUSTER_ADMIN_KEY is replaced by the next configured key, and never accepted again', async () => {
    const { db, http, clock } = context.api;
    const [first, second] = [issueToken('key').token, issueToken('key').token];
    const startWith = (key: string) =>
      ensureAdminKey(db, key, clock(), () => Promise.reject(new Error('must not be called')));
    const use = async (key: string) => (await http.get('/api/hosts').auth(key, { type: 'bearer' })).status;
    expect(await startWith(first)).toBe(true);
    const others = await db.prisma.apiKey.count({ where: { name: 'First admin key', revokedAt: null } });
    expect([await use(first), await use(second)]).toEqual([200, 401]);
    for (let start = 0; start < 2; start++) expect(await startWith(second)).toBe(true);
    expect([await use(first), await use(second)]).toEqual([401, 200]);
    // A replica can restart with the former key after other replicas have started with the new key.
    expect(await startWith(first)).toBe(false);
    expect([await use(first), await use(second)]).toEqual([401, 200]);
    expect(await db.prisma.apiKey.count({ where: { name: 'First admin key', revokedAt: null } })).toBe(others);
    const entries = await db.prisma.auditEntry.findMany({ orderBy: { id: 'desc' }, take: 2 });
    const [secondKey, firstKey] = await db.prisma.apiKey.findMany({ orderBy: { id: 'desc' }, take: 2 });
    const common = { actor: 'system', details: { name: 'MUSTER_ADMIN_KEY', role: 'admin' } };
    expect(entries).toMatchObject([
      { ...common, action: 'api_key.revoked', target: `api_key:${firstKey!.id}` },
      { ...common, action: 'api_key.created', target: `api_key:${secondKey!.id}` },
    ]);
  });

  test('is not created if the key cannot be delivered', async () => {
    const { db } = context.api;
    await db.prisma.apiKey.deleteMany();
    const fail = () => Promise.reject(new Error('no room on the disk'));
    await expect(ensureAdminKey(db, null, context.api.clock(), fail)).rejects.toThrow('no room on the disk');
    expect(await db.prisma.apiKey.count()).toBe(0);
  });
});
