/** Tests replicas with different versions of the container parser on one database. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { testEngines } from '@muster/db/testing';
import { createApp } from '../src/app.js';
import { createDigestSalts } from '../src/services/sync/index.js';
import { createReplicaRecord, REPLICA_LISTED_MS } from '../src/services/system/index.js';
import { container } from './fixtures.js';
import { clocksOf, TestApi, useApi, type TestHost } from './harness.js';

const MINUTE_MS = 60_000;

describe.each(testEngines())('an upgrade to another parser on %s', (engine) => {
  const context = useApi(engine);
  const containers = [container('a', { state: 'exited', status: 'Exited (1) 1 minute ago' }), container('b')];
  let old: Replica;
  let host: TestHost;

  type Replica = Awaited<ReturnType<typeof startReplica>>;
  async function startReplica(parserVersion: string) {
    const { db, clock } = context.api;
    const record = createReplicaRecord(db, { version: parserVersion, parserVersion, now: clock });
    await record.record();
    const waits: number[] = [];
    const wait = (ms: number) => Promise.resolve(waits.push(ms));
    const digestSalts = createDigestSalts(db, { now: clock, runningMs: REPLICA_LISTED_MS, parserVersion, wait });
    await digestSalts.join();
    const api = new TestApi(db, createApp({ db, ...clocksOf(clock), digestSalts }), clock);
    const refresh = async () => {
      await record.record();
      await digestSalts.refresh();
    };
    return { api, waits, refresh, stop: () => record.remove() };
  }

  /** Reports the same containers to each of the replicas, twice. Returns how often the digest was replaced. */
  async function reportTo(...replicas: Replica[]): Promise<number> {
    let { digest } = await host.host();
    let replaced = 0;
    for (const { api } of [...replicas, ...replicas]) {
      const summary = await host.through(api).sync(containers);
      expect(summary).toMatchObject({ applied: true, created: 0, updated: 0, removed: 0 });
      if (summary.digest !== digest) replaced++;
      ({ digest } = summary);
    }
    return replaced;
  }

  beforeEach(async () => {
    const { db } = context.api;
    await db.prisma.replica.deleteMany();
    await db.prisma.digestSalt.deleteMany();
    old = await startReplica('old');
    host = await (await context.api.organization()).enroll();
    await host.through(old.api).sync(containers);
  });

  test('a replica with another parser stores no digests until the other replicas know that this replica runs', async () => {
    expect(old.waits).toEqual([]);
    expect((await startReplica('old')).waits).toEqual([]);
    const current = await startReplica('new');
    expect(current.waits).toEqual([10_000]);
    for (const replica of [old, current]) await replica.refresh();
    expect([old.waits, current.waits]).toEqual([[], [10_000]]);
    // After a minute without a record, the other replica relies on its own digests again.
    context.api.clock.advance(REPLICA_LISTED_MS + 1);
    await old.refresh();
    await current.refresh();
    expect([old.waits, current.waits]).toEqual([[], [10_000, 10_000]]);
  });

  test('replicas do not undo each other’s digests, however often a host alternates between replicas', async () => {
    const current = await startReplica('new');
    expect(await reportTo(old, current)).toBe(0);
    await old.refresh();
    expect(await reportTo(old, current)).toBe(0);
    await host.through(current.api).sync([containers[0]!]);
    await host.through(old.api).sync(containers);
    expect(await reportTo(old, current)).toBe(0);
  });

  test('after the upgrade, the digest of a host is replaced exactly once, and not immediately', async () => {
    const [one, other] = [await startReplica('new'), await startReplica('new')];
    await old.stop();
    for (const replica of [one, other]) await replica.refresh();
    expect(await reportTo(one, other)).toBe(0);
    let replaced = 0;
    for (let minute = 0; minute < 21; minute++) {
      context.api.clock.advance(MINUTE_MS);
      for (const replica of [one, other]) await replica.refresh();
      const now = await reportTo(one, other);
      if (minute < 9) expect(now).toBe(0);
      replaced += now;
    }
    expect(replaced).toBe(1);
  });

  test('data that only the new parser stores becomes complete when a container changes, even during the upgrade', async () => {
    // The old version does not count failed containers.
    const { db } = context.api;
    await db.prisma.host.update({ where: { id: host.id }, data: { failedCount: 0 } });
    const current = await startReplica('new');
    expect(await reportTo(current)).toBe(0);
    await host
      .through(current.api)
      .sync([containers[0]!, container('b', { status: 'Up 5 minutes (Paused)', state: 'paused' })]);
    expect(await host.host()).toMatchObject({ failedCount: 1 });
  });
});
