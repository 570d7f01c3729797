import { describe, expect, test } from '@jest/globals';
import { testEngines } from '@muster/db/testing';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { container, order, useApi } from './harness.js';

/** A small world, so that containers come, change, go and come back. */
const snapshotOf = fc.uniqueArray(
  fc.record({
    dockerId: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    name: fc.constantFrom('web', 'db', 'naïve 🐳', "Robert'); DROP TABLE hosts;--"),
    state: fc.constantFrom('created', 'running', 'paused', 'exited', 'hibernating'),
    status: fc.constantFrom('', 'Up 5 minutes', 'Up 6 minutes (healthy)', 'Exited (1) 2 hours ago'),
    labels: fc.dictionary(fc.constantFrom('k', '__proto__', ''), fc.constantFrom('', 'v')),
    startedAt: fc.constantFrom(null, '2026-03-01T11:00:00.000Z', '2026-03-01T11:30:00.000Z'),
  }),
  { selector: ({ dockerId }) => dockerId, maxLength: 5 },
);

const step = fc.record({
  snapshot: snapshotOf,
  complete: fc.boolean(),
  sequence: fc.option(fc.integer({ min: 0, max: 12 })),
  gapMs: fc.constantFrom(0, 1000, 61_000),
});

type Row = ReturnType<typeof container> & { removed: boolean };

/** The sync as one would explain it: a map by dockerId, and nothing clever. */
class Model {
  readonly rows = new Map<string, Row>();
  sequence: number | null = null;

  apply(snapshot: ReturnType<typeof container>[], complete: boolean, sequence: number | null) {
    const counts = { created: 0, updated: 0, unchanged: 0, removed: 0 };
    if (sequence !== null) {
      if (this.sequence !== null && sequence <= this.sequence) return { applied: false, ...counts };
      this.sequence = sequence;
    }
    for (const sent of snapshot) {
      const next = { ...sent, removed: false };
      const before = this.rows.get(sent.dockerId);
      if (before === undefined) counts.created += 1;
      else if (JSON.stringify(normal(before)) === JSON.stringify(normal(next))) counts.unchanged += 1;
      else counts.updated += 1;
      this.rows.set(sent.dockerId, next);
    }
    if (complete) {
      const named = new Set(snapshot.map(({ dockerId }) => dockerId));
      for (const row of this.rows.values()) {
        if (row.removed || named.has(row.dockerId)) continue;
        Object.assign(row, { state: 'exited', status: '', removed: true });
        counts.removed += 1;
      }
    }
    return { applied: true, ...counts };
  }
}

const normal = (row: Row) => ({ ...row, labels: Object.entries(row.labels ?? {}).sort() });

describe.each(testEngines())('any sequence of snapshots on %s', (engine) => {
  const context = useApi(engine);

  test('leaves rows that equal a plain model, and summaries that tell the difference of the tables', async () => {
    const organization = await context.api.organization();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const host = await organization.enroll();
        const model = new Model();
        const stream = randomUUID();
        for (const { snapshot, complete, sequence, gapMs } of steps) {
          context.api.clock.advance(gapMs);
          const sent = snapshot.map(({ dockerId, ...changes }) => container(dockerId, changes));
          const headers = {
            'Snapshot-Complete': String(complete),
            ...(sequence === null ? {} : order(stream, sequence)),
          };
          const summary = await host.sync(sent, headers);
          expect(summary).toMatchObject({ ...model.apply(sent, complete, sequence), received: sent.length });

          const rows = await context.api.db.prisma.container.findMany({ where: { hostId: host.id } });
          const stored = rows.map(
            ({ dockerId, name, image, imageId, command, state, status, ports, labels, startedAt, removedAt }) =>
              normal({
                ...{ dockerId, name, image, imageId, command, state, status, ports, labels },
                ...{ startedAt: startedAt?.toISOString() ?? null, removed: removedAt !== null },
              } as Row),
          );
          const byId = (a: { dockerId: string }, b: { dockerId: string }) => (a.dockerId < b.dockerId ? -1 : 1);
          expect(stored.sort(byId)).toEqual([...model.rows.values()].map(normal).sort(byId));
          const present = [...model.rows.values()].filter(({ removed }) => !removed).length;
          expect(await host.host()).toMatchObject({ containerCount: present });
        }
      }),
      { numRuns: 60, endOnFailure: false },
    );
  });
});
