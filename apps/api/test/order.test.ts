import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Prisma, type Database } from '@muster/db';
import { createTestDatabase, testEngines } from '@muster/db/testing';
import fc from 'fast-check';
import { judgeOrder, type HostOrder, type SnapshotOrder } from '../src/domain/order.js';
import { orderTest, suspectClone } from '../src/sql/host-order.js';

const STREAMS = ['a', 'b', 'c'].map((digit) => `00000000-0000-4000-8000-00000000000${digit}`);
const START = Date.UTC(2026, 2, 1, 12);

const stream = fc.constantFrom(...STREAMS);
/** Instants around each other and around the minute that the rules turn on. */
const instant = fc.constantFrom(-1, 0, 1, 59_999, 60_000, 60_001, 120_000).map((ms) => new Date(START + ms));
const hostOrder: fc.Arbitrary<HostOrder> = fc
  .record({
    stream: fc.option(stream),
    sequence: fc.integer({ min: 0, max: 3 }),
    observedAt: fc.option(instant),
    streamHeardAt: fc.option(instant),
    supersededStreams: fc.array(fc.record({ stream, at: instant }), { maxLength: 2 }),
  })
  .map((host) => ({ ...host, sequence: host.stream === null ? null : host.sequence }))
  // A stream is the current one, or superseded once, or unknown.
  .filter(({ stream, supersededStreams }) => {
    const known = [stream, ...supersededStreams.map((superseded) => superseded.stream)];
    return new Set(known).size === known.length;
  });
const order: fc.Arbitrary<SnapshotOrder | null> = fc.option(
  fc.record({ stream, sequence: fc.integer({ min: 0, max: 3 }) }),
);

describe.each(testEngines())('the order on %s', (engine) => {
  let db: Database;
  beforeAll(async () => {
    db = await createTestDatabase(engine);
  });
  afterAll(() => db.close());

  test('is judged by the database as it is by judgeOrder', async () => {
    await fc.assert(
      fc.asyncProperty(hostOrder, order, instant, instant, async (host, snapshot, observed, receivedAt) => {
        const observedAt = observed < receivedAt ? observed : receivedAt;
        const times = { observedAt, receivedAt };
        const verdict = judgeOrder(host, snapshot, times);
        const clone = snapshot === null ? Prisma.sql`NULL::timestamptz` : suspectClone(snapshot.stream, receivedAt);
        const [row] = await db.prisma.$queryRaw<{ current: boolean; clone: Date | null }[]>(Prisma.sql`
          SELECT ${orderTest(snapshot, times)} AS current, ${clone} AS clone
          FROM (SELECT ${host.stream}::uuid AS stream, ${host.sequence}::bigint AS sequence,
            ${host.observedAt}::timestamptz AS "observedAt", ${host.streamHeardAt}::timestamptz AS "streamHeardAt",
            NULL::timestamptz AS "cloneSuspectedAt",
            ${JSON.stringify(host.supersededStreams)}::jsonb AS "supersededStreams") AS hosts`);
        expect(row!.current).toBe(verdict.current);
        if (!verdict.current) expect(row!.clone !== null).toBe(verdict.cloneSuspected);
      }),
      { numRuns: 500 },
    );
  });
});
