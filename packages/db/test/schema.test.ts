/** Tests the guarantees that the database itself enforces. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { isUniqueViolation } from '../src/classify-error.js';
import { createTestDatabase, serverOnly, testEngines, type TestDatabase } from '../src/testing.js';
import { container, createHost, rejectionOf } from './fixtures.js';

const HASH = new Uint8Array(32);

describe.each(testEngines())('with the schema on %s,', (engine) => {
  let db: TestDatabase;
  let hostId: string;

  beforeAll(async () => {
    db = await createTestDatabase(engine);
    hostId = await createHost(db, 'engine-0');
  });
  afterAll(() => db.close());

  test('an engine can have another host only after its first host is deleted', async () => {
    const first = await createHost(db, 'engine-unique');
    expect(isUniqueViolation(await rejectionOf(createHost(db, 'engine-unique')))).toBe(true);
    await db.prisma.host.update({ where: { id: first }, data: { deletedAt: new Date() } });
    const second = await createHost(db, 'engine-unique');
    expect(second).not.toBe(first);
    await expect(db.prisma.host.update({ where: { id: first }, data: { deletedAt: null } })).rejects.toThrow();
  });

  test.each([
    ['uses are at most maxUses', `UPDATE enrollment_tokens SET uses = uses + 1`, 'enrollment_tokens_uses_check'],
    ['maxUses is positive', `UPDATE enrollment_tokens SET "maxUses" = 0, uses = 0`, 'enrollment_tokens_maxUses_check'],
    ['a hash is a SHA-256', `UPDATE enrollment_tokens SET hash = '\\x00'`, 'enrollment_tokens_hash_check'],
    ['labels are an object', `UPDATE containers SET labels = '[]'`, 'containers_labels_check'],
    ['ports are an array', `UPDATE containers SET ports = '{}'`, 'containers_ports_check'],
    ['a count is not negative', `UPDATE hosts SET "containerCount" = -1`, 'hosts_containerCount_check'],
    ['a stream has a sequence', `UPDATE hosts SET stream = gen_random_uuid()`, 'hosts_stream_check'],
    ['superseded streams are an array', `UPDATE hosts SET "supersededStreams" = '{}'`, 'hosts_supersededStreams_check'],
    ['liveness is one row', `INSERT INTO service_liveness VALUES (2, now())`, 'service_liveness_id_check'],
    [
      'an outage does not end before it began',
      `INSERT INTO service_outages VALUES (now(), now() - interval '1 second')`,
      'service_outages_endedAt_check',
    ],
  ])('%s', async (_truth, sql, constraint) => {
    await db.prisma.enrollmentToken.upsert({
      where: { hash: HASH },
      create: {
        organizationId: 'org',
        hash: HASH,
        name: 'used up',
        maxUses: 1,
        uses: 1,
        createdAt: new Date(),
        expiresAt: new Date(),
        createdBy: 'system',
      },
      update: {},
    });
    await db.prisma.container.upsert({
      where: { hostId_dockerId: { hostId, dockerId: 'checked' } },
      create: container(hostId, 'checked'),
      update: {},
    });
    expect((await rejectionOf(db.prisma.$executeRawUnsafe(sql))).message).toContain(constraint);
  });

  test('the largest name that the contract allows fits every index', async () => {
    const name = '\u{1F4E6}'.repeat(1024);
    await db.prisma.container.create({ data: { ...container(hostId, 'wide'), name } });
    expect(await db.prisma.container.findFirst({ where: { dockerId: 'wide' }, select: { name: true } })).toEqual({
      name,
    });
  });

  test('a time is read as it was written, regardless of the time zone of the server', async () => {
    const at = new Date('2026-03-29T01:30:00.123Z');
    await db.prisma.serviceOutage.create({ data: { startedAt: at, endedAt: at } });
    expect(await db.prisma.serviceOutage.findFirst()).toEqual({ startedAt: at, endedAt: at });
    expect(
      await db.prisma.$queryRaw`SELECT extract(epoch FROM "startedAt")::float8 AS epoch FROM service_outages`,
    ).toEqual([{ epoch: at.getTime() / 1000 }]);
  });

  test('deleting a host deletes its containers and its history', async () => {
    const id = await createHost(db, 'engine-gone');
    await db.prisma.container.create({ data: container(id, 'c') });
    await db.prisma.$executeRaw`
      INSERT INTO container_events (tx, "hostId", "organizationId", "dockerId", name, kind, "observedAt", "recordedAt")
      VALUES (1, ${id}::uuid, 'org', 'c', 'c', 'created', now(), now())`;
    await db.prisma.host.delete({ where: { id } });
    expect(await db.prisma.container.count({ where: { hostId: id } })).toBe(0);
    expect(await db.prisma.containerEvent.count({ where: { hostId: id } })).toBe(0);
  });

  /**
   * Returns how many rows of a table `action` updates, and how many of these updates are HOT (heap-only tuple) updates.
   */
  async function countUpdates(table: string, rows: number, action: () => Promise<void>) {
    const updates = async (): Promise<{ total: number; hot: number }> => {
      await db.prisma.$executeRaw`SELECT pg_stat_force_next_flush()`;
      const [row] = await db.prisma.$queryRaw<[{ total: number; hot: number }]>`
        SELECT n_tup_upd::int AS total, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = ${table}`;
      return row;
    };
    const before = await updates();
    await action();
    // The connections of a pool report their statistics up to a second late.
    let after = await updates();
    for (let tries = 0; after.total - before.total < rows && tries < 300; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      after = await updates();
    }
    return { total: after.total - before.total, hot: after.hot - before.hot };
  }

  test('updates of restarted containers are HOT and write to no index', async () => {
    const id = await createHost(db, 'engine-hot');
    await db.prisma.container.createMany({
      data: Array.from({ length: 50 }, (_, i) => ({ ...container(id, `hot-${i}`), labels: { app: `a${i}` } })),
    });
    const { total, hot } = await countUpdates('containers', 1000, async () => {
      for (let minute = 1; minute <= 20; minute += 1) {
        await db.prisma.$executeRaw`
          UPDATE containers SET
            status = ${`Up ${minute} minutes`}, digest = ${`${minute}`}, state = ${`state-${minute}`}, health = 'healthy',
            "exitCode" = ${minute}, "startedAt" = now(), "changedAt" = now(), ports = '[]', labels = (labels::text)::jsonb
          WHERE "hostId" = ${id}::uuid`;
      }
    });
    expect(total).toBe(1000);
    // Not all updates are HOT, because a full page has no room for an update until it is pruned.
    expect(hot).toBeGreaterThan(800);
  });

  test('updates of hosts are HOT unless labels change, and labels are found with an index', async () => {
    const id = await createHost(db, 'engine-labels');
    await db.prisma.host.update({ where: { id }, data: { labels: { env: 'prod', site: 'fra' } } });
    const { total, hot } = await countUpdates('hosts', 100, async () => {
      for (let beat = 0; beat < 100; beat += 1) {
        await db.prisma.$executeRaw`UPDATE hosts SET "lastSeenAt" = now(), revision = ${beat} WHERE id = ${id}::uuid`;
      }
    });
    expect(total).toBeGreaterThanOrEqual(100);
    expect(hot).toBeGreaterThan(80);
    const plan = await db.prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SET LOCAL enable_seqscan = off`;
      return tx.$queryRaw`EXPLAIN (FORMAT JSON)
        SELECT FROM hosts WHERE labels @> '{"env": "prod"}' AND labels ? 'site'`;
    });
    expect(JSON.stringify(plan)).toContain('hosts_labels_idx');
  });
});

// The embedded database has only one connection, so two transactions never compete for a row lock.
serverOnly(describe).each(['postgresql'] as const)('on %s,', (engine) => {
  test("an insert of a host's rows and an update of the host do not wait for each other", async () => {
    const db = await createTestDatabase(engine);
    const hostId = await createHost(db);
    await db.prisma.$transaction(async (updating) => {
      await updating.$executeRaw`SELECT id FROM hosts WHERE id = ${hostId}::uuid FOR NO KEY UPDATE`;
      await updating.$executeRaw`UPDATE hosts SET revision = revision + 1, "lastSeenAt" = now() WHERE id = ${hostId}::uuid`;
      // This query runs on another connection, where a wait for a lock would exceed the statement timeout.
      await db.prisma.container.create({ data: container(hostId, 'a') });
      await db.prisma.$transaction(async (inserting) => {
        await inserting.container.create({ data: container(hostId, 'b') });
        await updating.$executeRaw`UPDATE hosts SET revision = revision + 1 WHERE id = ${hostId}::uuid`;
      });
    });
    expect(await db.prisma.container.count()).toBe(2);
    await db.close();
  });
});
