import { describe, expect, test } from '@jest/globals';
import { testEngines } from '@muster/db/testing';
import type { Database } from '@muster/db';
import { randomBytes, randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import { createLease } from '../src/lib/lease.js';
import { addRetentionMetrics } from '../src/services/maintenance/retention-metrics.js';
import { createRetentionService, type RetentionStep } from '../src/services/maintenance/retention.js';
import { container } from './fixtures.js';
import { useApi } from './harness.js';

const DAY_MS = 86_400_000;

describe.each(testEngines())('retention with failures on %s', (engine) => {
  const context = useApi(engine);

  test('continues after a failed step, reports the failure, and keeps the time at which this step last succeeded', async () => {
    const { clock, db } = context.api;
    const host = await (await context.api.organization()).enroll();
    await host.sync([container('gone')]);
    await host.sync([]);
    const failed: RetentionStep[] = [];
    const broken: Database = { ...db, prisma: failingOn(db, 'containers AS c') };
    const retention = createRetentionService(broken, {
      now: clock,
      eventDays: 10,
      onFailure: (step) => failed.push(step),
    });
    await retention.prune();
    failed.length = 0;
    const startedAt = retention.lastSuccesses().get('removed_containers')!;
    clock.advance(11 * DAY_MS);
    expect(await retention.prune()).toMatchObject({ containers: 0, events: 3 });
    expect(failed).toEqual(['removed_containers', 'excess_containers']);
    expect(retention.lastSuccesses().get('removed_containers')).toEqual(startedAt);
    expect(retention.lastSuccesses().get('events')).toEqual(clock());

    // Before this time, the history of hosts is incomplete, even if events are kept for longer from now on.
    const deletedBefore = async () =>
      (await db.prisma.retentionStep.findUniqueOrThrow({ where: { step: 'host_events' } })).deletedBefore;
    const tenDaysAgo = new Date(clock().getTime() - 10 * DAY_MS);
    expect(await deletedBefore()).toEqual(tenDaysAgo);
    await createRetentionService(broken, { now: clock, eventDays: 90 }).prune();
    expect(await deletedBefore()).toEqual(tenDaysAgo);

    // A restarted process reports when the step last succeeded, although the step fails in this process as well.
    const restarted = createRetentionService(broken, { now: clock, eventDays: 10 });
    clock.advance(3_600_000);
    await restarted.prune();
    expect(restarted.lastSuccesses().get('removed_containers')).toEqual(startedAt);
    expect(restarted.lastSuccesses().get('events')).toEqual(clock());

    const registry = new Registry();
    addRetentionMetrics(registry, retention);
    expect(await registry.metrics()).toContain(
      `muster_retention_last_success_timestamp_seconds{step="removed_containers"} ${startedAt.getTime() / 1000}`,
    );
  });

  test('deletes nothing while the clocks of process and database differ by more than a minute, and reports the pause', async () => {
    const { clock, db } = context.api;
    const host = await (await context.api.organization()).enroll();
    await host.sync([container('gone')]);
    await host.sync([]);
    let skewMs = 0;
    const paused: number[] = [];
    const retention = createRetentionService(db, {
      now: clock,
      eventDays: 10,
      skewMs: () => skewMs,
      onPaused: (ms) => paused.push(ms),
    });
    const registry = new Registry();
    addRetentionMetrics(registry, retention);
    clock.advance(100 * DAY_MS);
    for (skewMs of [-60_001, 60_001, 100 * DAY_MS]) {
      expect(await retention.prune()).toEqual({ containers: 0, hosts: 0, events: 0, expired: 0, tokens: 0 });
    }
    expect(paused).toEqual([-60_001, 60_001, 100 * DAY_MS]);
    expect(await registry.metrics()).toContain('muster_retention_paused 1');
    expect(await host.row('gone')).not.toBeNull();
    skewMs = 60_000;
    expect(await retention.prune()).toMatchObject({ events: 3 });
    expect(await host.row('gone')).toBeNull();
    expect(await registry.metrics()).toContain('muster_retention_paused 0');
  });

  test('runs in one process at a time, and in another process after the first has released its lease', async () => {
    const { clock, db } = context.api;
    const host = await (await context.api.organization()).enroll();
    const name = randomUUID();
    const process = () => createRetentionService(db, { now: clock, lease: createLease(db, { name, ttlMs: 600_000 }) });
    const [one, two] = [process(), process()];
    const remove = async () => {
      await host.sync([container('gone')]);
      await host.sync([]);
      clock.advance(8 * DAY_MS);
    };
    await remove();
    expect(await one.prune()).toMatchObject({ containers: 1 });
    await remove();
    expect(await two.prune()).toMatchObject({ containers: 0 });
    expect(await one.prune()).toMatchObject({ containers: 1 });
    await remove();
    await one.release();
    expect(await two.prune()).toMatchObject({ containers: 1 });
    await two.release();
  });

  test('stops within one statement while it deletes a long history, and deletes the remaining rows later', async () => {
    const { clock, db, http } = context.api;
    const organization = await context.api.organization();
    const host = await organization.enroll();
    await db.prisma.$executeRaw`
      INSERT INTO container_events (tx, "hostId", "organizationId", "dockerId", name, kind, "observedAt", "recordedAt")
      SELECT 3, ${host.id}::uuid, ${organization.id}, 'c' || i, 'c', 'created', now(), now()
      FROM generate_series(1, 45000) AS i`;
    await http.delete(`/api/hosts/${host.id}`).auth(organization.adminKey, { type: 'bearer' }).expect(204);
    const countEvents = () => db.prisma.containerEvent.count({ where: { hostId: host.id } });
    const before = await countEvents();
    expect(before).toBeGreaterThan(10_000);
    const retention = createRetentionService(db, { now: clock, eventDays: 0 });
    // SIGTERM arrives when the first rows of this host have been deleted.
    let isStopped = false;
    const watched: Database = { ...db, prisma: onQuery(db, 'DELETE FROM container_events', () => (isStopped = true)) };
    await createRetentionService(watched, { now: clock, eventDays: 0 }).prune(() => isStopped);
    expect(before - (await countEvents())).toBeLessThanOrEqual(5_000);

    await retention.prune();
    expect(await countEvents()).toBe(0);
    expect(await host.host()).toMatchObject({ purgedAt: clock() });
  });
});

describe.each(testEngines())('retention of agent tokens on %s', (engine) => {
  const context = useApi(engine);

  test('deletes revoked tokens of a live host after 30 days, and all tokens of a deleted host with the host', async () => {
    const { clock, db, http } = context.api;
    const organization = await context.api.organization();
    const [living, deleted] = [await organization.enroll(), await organization.enroll()];
    await living.sync([]);
    const retention = createRetentionService(db, { now: clock });
    for (const host of [living, deleted]) {
      for (let i = 0; i < 5; i++) {
        const dates = { createdAt: clock(), revokedAt: clock() };
        await db.prisma.agentToken.create({ data: { hash: randomBytes(32), hostId: host.id, ...dates } });
      }
    }
    const tokens = (hostId: string) => db.prisma.agentToken.count({ where: { hostId } });
    clock.advance(10 * DAY_MS);
    await http.delete(`/api/hosts/${deleted.id}`).auth(organization.adminKey, { type: 'bearer' }).expect(204);
    clock.advance(20 * DAY_MS);
    expect(await retention.prune()).toMatchObject({ tokens: 0 });
    clock.advance(1);
    expect(await retention.prune()).toMatchObject({ tokens: 5, hosts: 0 });
    expect([await tokens(living.id), await tokens(deleted.id)]).toEqual([1, 6]);
    await living.post([]).expect(200);
    await deleted.post([]).expect(410);
    clock.advance(10 * DAY_MS);
    expect(await retention.prune()).toMatchObject({ hosts: 1 });
    expect(await tokens(deleted.id)).toBe(0);
  });
});

/** Returns a client that calls `action` after each raw statement that contains `words`. */
function onQuery({ prisma }: Database, words: string, action: () => void): Database['prisma'] {
  return prisma.$extends({
    query: {
      $allOperations: async ({ args, query }) => {
        const result: unknown = await query(args);
        if (textOf(args).includes(words)) action();
        return result;
      },
    },
  }) as unknown as Database['prisma'];
}

function failingOn({ prisma }: Database, words: string): Database['prisma'] {
  return prisma.$extends({
    query: {
      $allOperations: ({ args, query }) => {
        if (textOf(args).includes(words)) throw new Error('canceling statement due to statement timeout');
        return query(args);
      },
    },
  }) as unknown as Database['prisma'];
}

function textOf(args: unknown): string {
  const { strings } = args as { strings?: readonly string[] };
  return (strings ?? (Array.isArray(args) ? args.flat(2) : [])).join('?');
}
