import { describe, expect, test } from '@jest/globals';
import { testEngines } from '@muster/db/testing';
import { randomUUID } from 'node:crypto';
import { container, order } from './fixtures.js';
import { useApi } from './harness.js';

/** Returns two snapshots of one host that have some containers in common. */
const createSnapshots = (round: number) =>
  [0, 1].map((side) =>
    Array.from({ length: 12 }, (_, i) =>
      container(`r${(round + i * (side + 1)) % 20}`, { name: `round-${round}-side-${side}-${i}` }),
    ),
  );

const deduplicate = <T extends { dockerId: string }>(containers: T[]): T[] => [
  ...new Map(containers.map((c) => [c.dockerId, c])).values(),
];

describe.each(testEngines())('concurrent snapshots on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  test('of one host leave the rows of exactly one snapshot, in each of 200 rounds', async () => {
    const host = await (await context.api.organization()).enroll();
    for (let round = 0; round < 200; round++) {
      const sides = createSnapshots(round).map(deduplicate);
      const summaries = await Promise.all(sides.map((side) => host.sync(side)));
      expect(summaries.every(({ applied }) => applied)).toBe(true);
      const [last] = summaries.toSorted((a, b) => b.revision - a.revision);
      const winner = sides[summaries.indexOf(last!)]!;
      expect(await host.present()).toEqual(Object.fromEntries(winner.map((c) => [c.dockerId, c])));
    }
    const { containerCount, revision } = await host.host();
    expect(containerCount).toBe(Object.keys(await host.present()).length);
    expect(revision).toBe(400);
  });

  test('of one host to two replicas with different caches leave the rows of exactly one snapshot, in each of 100 rounds', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const reporters = [host, host.through(context.api.replica())];
    for (let round = 0; round < 100; round++) {
      // Both sides send the same containers. One side changes two and the other changes three, so their writes differ.
      const sides = reporters.map((_, side) =>
        Array.from({ length: 12 }, (_, i) =>
          container(`c${i}`, i % (6 - side) === 0 ? { name: `${round}-${side}` } : {}),
        ),
      );
      const summaries = await Promise.all(reporters.map((reporter, side) => reporter.sync(sides[side]!)));
      const winner = sides[summaries[0]!.revision > summaries[1]!.revision ? 0 : 1]!;
      expect(await host.present()).toEqual(Object.fromEntries(winner.map((c) => [c.dockerId, c])));
    }
  });

  // The embedded database has one connection, which the transaction with the lock occupies.
  if (engine === 'postgresql') {
    test('and heartbeats of other hosts do not wait for a host whose row is locked', async () => {
      const organization = await context.api.organization();
      const hosts = await Promise.all(Array.from({ length: 10 }, () => organization.enroll()));
      const [locked, ...others] = hosts;
      const { prisma } = context.api.db;
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => (release = resolve));
      let isHeld: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (isHeld = resolve));
      const holder = prisma.$transaction(async (tx) => {
        await tx.$queryRaw`SELECT id FROM hosts WHERE id = ${locked!.id}::uuid FOR UPDATE`;
        isHeld();
        await released;
      });
      await held;

      let hasOvertaken = false;
      const waiting: Promise<unknown>[] = [];
      // A heartbeat waits for a second. On a busy machine, the other heartbeats can take longer than that.
      for (let attempt = 0; attempt < 20 && !hasOvertaken; attempt++) {
        let isAnswered = false;
        const beat = locked!.beat({ digest: null }).expect(200);
        waiting.push(beat.then(() => (isAnswered = true)));
        for (let round = 0; round < 3; round++) {
          await Promise.all(others.map((host) => host.beat({ digest: null }).expect(200)));
        }
        hasOvertaken = !isAnswered;
      }
      expect(hasOvertaken).toBe(true);
      release();
      await holder;
      await Promise.all(waiting);
    });
  }

  test('of one run leave the rows of the snapshot with the highest sequence, regardless of the order of arrival', async () => {
    const host = await (await context.api.organization()).enroll();
    const stream = randomUUID();
    for (let round = 0; round < 20; round++) {
      const sequences = [1, 2, 3, 4].map((n) => round * 4 + n);
      await Promise.all(
        sequences.toSorted(() => Math.sin(round)).map((n) => host.sync([container(`s${n}`)], order(stream, n))),
      );
      expect(Object.keys(await host.present())).toEqual([`s${round * 4 + 4}`]);
    }
  });

  test('of 50 hosts succeed without a deadlock', async () => {
    const organization = await context.api.organization();
    const hosts = [];
    for (let i = 0; i < 50; i++) hosts.push(await organization.enroll());
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(
        hosts.map((host, i) => host.sync([container('same'), container(`c${round}`, { name: `host-${i}` })])),
      );
      expect(answers.every(({ applied }) => applied)).toBe(true);
    }
    for (const [i, host] of hosts.entries()) {
      expect(await host.present()).toEqual({ same: container('same'), c2: container('c2', { name: `host-${i}` }) });
    }
  });

  test('leave no rows if their host is deleted at the same time', async () => {
    const organization = await context.api.organization();
    for (let round = 0; round < 20; round++) {
      const host = await organization.enroll();
      await host.sync([container('a')]);
      const remove = context.api.http.delete(`/api/hosts/${host.id}`).auth(organization.adminKey, { type: 'bearer' });
      const [answer, deleted] = await Promise.all([host.post([container('b'), container('c')]), remove]);
      expect([200, 410]).toContain(answer.status);
      expect(deleted.status).toBe(204);
      expect(await context.api.db.prisma.container.count({ where: { hostId: host.id } })).toBe(0);
      expect(await context.api.db.prisma.containerEvent.count({ where: { hostId: host.id } })).toBe(0);
    }
  });
});
