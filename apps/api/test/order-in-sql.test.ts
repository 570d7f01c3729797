import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Database } from '@muster/db';
import { createTestDatabase, testEngines } from '@muster/db/testing';
import fc from 'fast-check';
import { checkOrder, type HostOrder, type SnapshotOrder } from '../src/services/sync/order.js';
import { orderCondition, suspectedCloneAssignments } from '../src/services/sync/host-order.sql.js';

const STREAMS = ['a', 'b', 'c'].map((digit) => `00000000-0000-4000-8000-00000000000${digit}`);
const START = Date.UTC(2026, 2, 1, 12);

const stream = fc.constantFrom(...STREAMS);
/**
 * Instants that are equal, one millisecond apart, or about a minute apart. One minute is the limit in the rule of
 * `checkOrder`.
 */
const instant = fc
  .constantFrom(-60_001, -60_000, -59_999, -1, 0, 1, 59_999, 60_000, 60_001, 120_000)
  .map((ms) => new Date(START + ms));
const hostOrder: fc.Arbitrary<HostOrder> = fc
  .record({
    stream: fc.option(stream),
    sequence: fc.integer({ min: 0, max: 3 }),
    observedAt: fc.option(instant),
    streamHeardAt: fc.option(instant),
    supersededStreams: fc.array(fc.record({ stream, at: instant }), { maxLength: 2 }),
  })
  .map((host) => ({ ...host, sequence: host.stream === null ? null : host.sequence }))
  // A stream occurs at most once among the current stream and the superseded streams.
  .filter(({ stream, supersededStreams }) => {
    const known = [stream, ...supersededStreams.map((superseded) => superseded.stream)];
    return new Set(known).size === known.length;
  });
const order: fc.Arbitrary<SnapshotOrder | null> = fc.option(
  fc.record({ stream, sequence: fc.integer({ min: 0, max: 3 }) }),
);

const ORDER = {
  stream: '$6::uuid',
  sequence: '$7::bigint',
  observedAt: '$8::timestamptz',
  receivedAt: '$9::timestamptz',
};
const CHECK_ORDER_SQL = {
  name: 'judge',
  text: `
    SELECT ${orderCondition(ORDER)} AS current, ${suspectedCloneAssignments(ORDER).cloneSuspectedAt} AS clone
    FROM (SELECT $1::uuid AS stream, $2::bigint AS sequence, $3::timestamptz AS "observedAt",
      $4::timestamptz AS "streamHeardAt", NULL::timestamptz AS "cloneSuspectedAt",
      $5::jsonb AS "supersededStreams") AS hosts`,
};

describe.each(testEngines())('the order of snapshots on %s', (engine) => {
  let db: Database;
  beforeAll(async () => {
    db = await createTestDatabase(engine);
  });
  afterAll(() => db.close());

  test('has the same result in SQL as in checkOrder', async () => {
    await fc.assert(
      fc.asyncProperty(hostOrder, order, instant, instant, async (host, snapshot, observed, receivedAt) => {
        const observedAt = observed < receivedAt ? observed : receivedAt;
        const times = { observedAt, receivedAt };
        const verdict = checkOrder(host, snapshot, times);
        const [row] = await db.query<{ current: boolean; clone: Date | null }>(CHECK_ORDER_SQL, [
          host.stream,
          host.sequence,
          host.observedAt,
          host.streamHeardAt,
          JSON.stringify(host.supersededStreams),
          snapshot?.stream ?? null,
          snapshot?.sequence ?? null,
          observedAt,
          receivedAt,
        ]);
        expect(row!.current).toBe(verdict.isCurrent);
        if (!verdict.isCurrent) expect(row!.clone !== null).toBe(verdict.isCloneSuspected);
      }),
      { numRuns: 500 },
    );
  });
});
