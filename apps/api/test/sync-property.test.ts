import { describe, expect, test } from '@jest/globals';
import { DOCKER_STATES, fitContainer, type Container } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { container, order } from './fixtures.js';
import { useApi } from './harness.js';

/** There are few values, so that containers appear, change, disappear and reappear. */
const changes = fc.record({
  name: fc.constantFrom('web', 'db', 'naïve 🐳', "Robert'); DROP TABLE hosts;--"),
  state: fc.constantFrom('created', 'running', 'paused', 'exited', 'hibernating', 'health:healthy'),
  status: fc.constantFrom('', 'Up 5 minutes', 'Up 6 minutes (healthy)', 'Exited (1) 2 hours ago'),
  command: fc.constantFrom('', 'x'.repeat(4_096), 'x'.repeat(5_000), 'x'.repeat(6_000)),
  labels: fc.dictionary(fc.constantFrom('k', '__proto__', ''), fc.constantFrom('', 'v')),
  startedAt: fc.constantFrom(null, '2026-03-01T11:00:00.000Z', '2026-03-01T11:30:00.000Z'),
});
const snapshotOf = fc.uniqueArray(
  changes.chain((changed) => fc.constantFrom('a', 'b', 'c', 'd', 'e').map((dockerId) => ({ dockerId, ...changed }))),
  { selector: ({ dockerId }) => dockerId, maxLength: 5 },
);

const step = fc.record({
  // A whole snapshot, or some changed containers of the previous snapshot, so that the sync compares the texts.
  snapshot: fc.oneof(snapshotOf, fc.array(fc.option(changes), { minLength: 5, maxLength: 5 })),
  // The process that receives the snapshot. Its cache may be older than what the other process has stored.
  replica: fc.constantFrom(0, 1),
  complete: fc.boolean(),
  sequence: fc.option(fc.integer({ min: 0, max: 12 })),
  gapMs: fc.constantFrom(0, 1000, 61_000),
});

const isWhole = <T extends { dockerId: string }>(snapshot: readonly (T | object | null)[]): snapshot is T[] =>
  snapshot.every((row) => row !== null && 'dockerId' in row);

type Row = ReturnType<typeof container> & { removed: boolean };

/** A simple reference implementation of the sync: a map by dockerId. */
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
      const next = { ...fitInput(sent), removed: false };
      const before = this.rows.get(sent.dockerId);
      if (before === undefined) counts.created += 1;
      else if (JSON.stringify(comparableRow(before)) === JSON.stringify(comparableRow(next))) counts.unchanged += 1;
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

  /** Returns the counts by state, and by health if the status text has one. */
  stateCounts() {
    const counts: Record<string, number> = {};
    for (const { removed, state, status } of this.rows.values()) {
      if (removed) continue;
      const word = DOCKER_STATES.some((known) => known === state) ? state : 'other';
      counts[word] = (counts[word] ?? 0) + 1;
      if (status?.endsWith('(healthy)')) counts['health:healthy'] = (counts['health:healthy'] ?? 0) + 1;
    }
    return counts;
  }

  failedCount() {
    const failures = [...this.rows.values()].filter(
      ({ removed, state, status }) => !removed && state === 'exited' && status?.startsWith('Exited (1)') === true,
    );
    return failures.length;
  }

  truncatedCount() {
    return [...this.rows.values()].filter(({ removed, truncated }) => !removed && truncated !== undefined).length;
  }
}

const fitInput = (sent: ReturnType<typeof container>) =>
  fitContainer(sent as Container) as ReturnType<typeof container>;

const comparableRow = (row: Row) => ({
  ...row,
  truncated: row.truncated ?? [],
  labels: Object.entries(row.labels ?? {}).sort(),
});

describe.each(testEngines())('any sequence of snapshots on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  test('stores the same rows as a reference model, and returns summaries that match the changes of the tables', async () => {
    const { clock } = context.api;
    const organization = await context.api.organization();
    const other = context.api.replica();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const host = await organization.enroll();
        const model = new Model();
        const reporters = [host, host.through(other)];
        const stream = randomUUID();
        let sent: ReturnType<typeof container>[] = [];
        for (const { snapshot, complete, sequence, gapMs, replica } of steps) {
          clock.advance(gapMs);
          sent = isWhole(snapshot)
            ? snapshot.map(({ dockerId, ...changed }) => container(dockerId, changed))
            : sent.map((before, index) => ({ ...before, ...snapshot[index] }));
          const headers = {
            'Snapshot-Complete': String(complete),
            ...(sequence === null ? {} : order(stream, sequence)),
          };
          const summary = await reporters[replica]!.sync(sent, headers);
          expect(summary).toMatchObject({ ...model.apply(sent, complete, sequence), received: sent.length });

          const rows = await context.api.db.prisma.container.findMany({ where: { hostId: host.id } });
          const stored = rows.map(
            ({
              dockerId,
              name,
              image,
              imageId,
              command,
              state,
              status,
              ports,
              labels,
              startedAt,
              removedAt,
              truncated,
            }) =>
              comparableRow({
                dockerId,
                name,
                image,
                imageId,
                command,
                state,
                status,
                ports,
                labels,
                startedAt: startedAt?.toISOString() ?? null,
                removed: removedAt !== null,
                truncated,
              } as Row),
          );
          const byId = (a: { dockerId: string }, b: { dockerId: string }) => (a.dockerId < b.dockerId ? -1 : 1);
          expect(stored.sort(byId)).toEqual([...model.rows.values()].map(comparableRow).sort(byId));
          const present = [...model.rows.values()].filter(({ removed }) => !removed).length;
          const { containerCount, stateCounts, failedCount, truncatedCount } = await host.host();
          expect(containerCount).toBe(present);
          expect(stateCounts).toEqual(model.stateCounts());
          expect(failedCount).toBe(model.failedCount());
          expect(truncatedCount).toBe(model.truncatedCount());
        }
      }),
      { numRuns: 100, endOnFailure: false },
    );
  });
});
