/** Tests the events of silences with a table of cases and against an independent model. */
import { describe, expect, test } from '@jest/globals';
import { CADENCE_DEFAULT } from '@muster/contracts';
import fc from 'fast-check';
import { silenceInstants, type Outage } from '../src/services/freshness/freshness.js';
import {
  silenceEvents,
  type EndedSilence,
  type SilenceColumns,
  type SilenceEvent,
} from '../src/services/host-events/silence-events.js';

const START = Date.UTC(2026, 2, 1, 12);
const at = (seconds: number) => new Date(START + seconds * 1000);
const secondsOf = (date: Date) => (date.getTime() - START) / 1000;
const outage = (from: number, to: number): Outage => ({ startedAt: at(from), endedAt: at(to) });
const context = (seconds: number, outages: readonly Outage[] = [], readAt = seconds) => ({
  now: at(seconds),
  readAt: at(readAt),
  cadence: CADENCE_DEFAULT,
  otherHeartbeats: [],
  outages,
});
const silence = (from: number, until: number, heartbeatSeconds = 10): EndedSilence => ({
  from: at(from),
  until: at(until),
  heartbeatSeconds,
});
/** Returns a silence that ended with the agent's call to leave. */
const silenceUntilLeaving = (from: number, until: number): EndedSilence => ({ ...silence(from, until), left: true });
const host = (columns: Partial<SilenceColumns> = {}): SilenceColumns => ({
  lastSeenAt: at(0),
  heartbeatSeconds: 10,
  leftAt: null,
  hasSnapshot: true,
  endedSilences: [],
  recordedSilence: null,
  ...columns,
});
const kindsAndSeconds = (events: readonly SilenceEvent[]) => events.map((event) => [event.kind, secondsOf(event.at)]);

describe('the events of a silent host', () => {
  test.each<[string, SilenceColumns, number, Outage[], unknown[]]>([
    ['none within 3 heartbeats', host(), 30, [], []],
    ['stale from the end of the grace period', host(), 31, [], [['host_stale', 30]]],
    ['offline after 5 minutes', host(), 1_000, [], [['host_stale', 30], ['host_offline', 300]]], // prettier-ignore
    ['later with a longer heartbeat', host({ heartbeatSeconds: 60 }), 601, [], [['host_stale', 180], ['host_offline', 600]]], // prettier-ignore
    ['only events that are not recorded yet', host({ recordedSilence: { from: at(0), state: 'stale' } }), 1_000, [], [['host_offline', 300]]], // prettier-ignore
    ['none before the first snapshot', host({ hasSnapshot: false }), 1_000, [], []],
    ['none after the agent left', host({ leftAt: at(0) }), 1_000, [], []],
    ['none while Muster is down', host(), 3_600, [outage(10, 3_600)], []],
    ['none while agents reconnect after an outage', host(), 3_690, [outage(10, 3_600)], []],
    [
      'stale if the host does not return after Muster was down',
      host(),
      3_691,
      [outage(10, 3_600)],
      [['host_stale', 3_690]],
    ],
    ['a silence that began and ended between two runs', host({ lastSeenAt: at(1_000), endedSilences: [silence(0, 400), silence(500, 531)] }), 1_010, [], [['host_stale', 30], ['host_offline', 300], ['host_back', 400], ['host_stale', 530], ['host_back', 531]]], // prettier-ignore
    ['no end of a silence that ends later', host({ lastSeenAt: at(400), endedSilences: [silence(0, 400)] }), 200, [], [['host_stale', 30]]], // prettier-ignore
    ['no return of a host that only called to leave', host({ lastSeenAt: at(400), leftAt: at(400), endedSilences: [silenceUntilLeaving(0, 400)] }), 500, [], [['host_stale', 30], ['host_offline', 300]]], // prettier-ignore
    ['no return of a host that called to leave, and was enrolled again before the writer ran', host({ lastSeenAt: at(500), endedSilences: [silenceUntilLeaving(0, 400)] }), 510, [], [['host_stale', 30], ['host_offline', 300]]], // prettier-ignore
    ['the return of a host whose ended silence was not stored', host({ lastSeenAt: at(400), recordedSilence: { from: at(0), state: 'offline' } }), 410, [], [['host_back', 400]]], // prettier-ignore
  ])('are: %s', (_name, columns, now, outages, expected) => {
    const readAt = Math.max(now, secondsOf(columns.lastSeenAt!));
    expect(kindsAndSeconds(silenceEvents(columns, context(now, outages, readAt)).events)).toEqual(expected);
  });

  test('are recorded once if the agent leaves in the last seconds, whose events are not recorded yet', () => {
    let row = host({ recordedSilence: { from: at(0), state: 'offline' }, lastSeenAt: at(400), leftAt: at(400) });
    row = { ...row, endedSilences: [silenceUntilLeaving(0, 400)] };
    const early = silenceEvents(row, context(398, [], 402));
    expect(early).toEqual({ events: [], endedSilences: row.endedSilences, recordedSilence: row.recordedSilence });
    const late = silenceEvents({ ...row, ...early }, context(403));
    expect(late).toEqual({ events: [], endedSilences: [], recordedSilence: null });
  });

  test('are not recorded if a clock that was ahead stored the silence', () => {
    const columns = host({ lastSeenAt: at(3_600), endedSilences: [silence(0, 3_600)] });
    expect(silenceEvents(columns, context(95, [], 100))).toMatchObject({ events: [], endedSilences: [] });
    // The events of the last seconds are not recorded yet, so a silence that ended in these seconds is kept.
    const recent = host({ lastSeenAt: at(100), endedSilences: [silence(0, 100)] });
    expect(silenceEvents(recent, context(95, [], 100)).endedSilences).toEqual(recent.endedSilences);
  });

  test('contain the start and the length of the silence', () => {
    const { events } = silenceEvents(host({ lastSeenAt: at(400), endedSilences: [silence(0, 400)] }), context(401));
    const since = at(0).toISOString();
    expect(events.map(({ from, to }) => [from, to])).toEqual([
      [null, { since }],
      [null, { since }],
      [{ state: 'offline', since }, { silentSeconds: 400 }],
    ]);
  });
});

/**
 * Computes the events second by second, without the product's functions. With each call in `departures`, the agent
 * leaves. The next call enrolls the agent again.
 */
function model(
  calls: ReadonlySet<number>,
  departures: ReadonlySet<number>,
  outages: readonly [from: number, to: number][],
  end: number,
) {
  let hasLeft = false;
  const [graceSeconds, offlineAfterSeconds] = [30, 300];
  const events: [string, number][] = [];
  let reported: null | 'stale' | 'offline' = null;
  // `silent` is the number of seconds without a call while Muster was up. `counted` begins after agents had time to
  // reconnect.
  let silent = 0;
  let counted = 0;
  let reconnectedAt = -Infinity;
  for (let second = 0; second <= end; second += 1) {
    if (!hasLeft && counted === offlineAfterSeconds && reported === 'stale') {
      events.push(['host_offline', second]);
      reported = 'offline';
    }
    if (calls.has(second)) {
      if (reported !== null && !departures.has(second)) events.push(['host_back', second]);
      hasLeft = departures.has(second);
      reported = null;
      silent = 0;
      counted = Math.min(0, second - reconnectedAt);
    }
    const away = outages.find(([from]) => from === second);
    if (away !== undefined) {
      const seconds = away[1] - away[0];
      const reconnectSeconds = Math.min(60, 2 * seconds);
      if (silent <= graceSeconds) {
        silent = 0;
        counted = Math.min(counted + seconds, -reconnectSeconds);
      }
      reconnectedAt = Math.max(reconnectedAt, away[1] + reconnectSeconds);
      second = away[1] - 1;
      continue;
    }
    if (second === end) break;
    if (!hasLeft && counted === graceSeconds && reported === null) {
      events.push(['host_stale', second]);
      reported = 'stale';
    }
    silent += 1;
    counted += 1;
  }
  return events;
}

const END = 3_000;

test('the writer records the same events as the model, regardless of how often and how late it runs', () => {
  const pauses = fc.array(
    fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 5, max: 15 }) }, fc.integer({ min: 16, max: 700 })),
    { minLength: 1, maxLength: 60 },
  );
  const outagesOf = fc.array(fc.tuple(fc.integer({ min: 20, max: 900 }), fc.integer({ min: 11, max: 600 })), {
    maxLength: 4,
  });
  const runsOf = fc.array(fc.tuple(fc.integer({ min: 1, max: 800 }), fc.integer({ min: 0, max: 40 })), {
    maxLength: 30,
  });
  const leavingOf = fc.array(fc.nat(60), { maxLength: 4 });
  let eventCount = 0;
  fc.assert(
    fc.property(pauses, outagesOf, runsOf, leavingOf, (pauseSeconds, outageSeconds, runs, leaving) => {
      const outages: [number, number][] = [];
      let free = 0;
      for (const [after, length] of outageSeconds) {
        if (free + after + length >= END) break;
        outages.push([free + after, free + after + length]);
        free += after + length;
      }
      const isAway = (second: number) => outages.some(([from, to]) => from < second && second < to);
      const calls = [0];
      for (const seconds of pauseSeconds) {
        let next = calls.at(-1)! + seconds;
        while (isAway(next)) next += 1;
        if (next < END) calls.push(next);
      }

      // The agent does not leave with its first call, nor with the call that enrolls it again.
      const departures = new Set<number>();
      for (const index of leaving.filter((index) => index > 0).sort((a, b) => a - b)) {
        const call = calls[index];
        if (call !== undefined && !departures.has(calls[index - 1]!)) departures.add(call);
      }

      const recorded: [string, number][] = [];
      let row = host();
      let seen = 1;
      const receiveUntil = (second: number) => {
        for (; seen < calls.length && calls[seen]! <= second; seen += 1) {
          const [from, until] = [secondsOf(row.lastSeenAt!), calls[seen]!];
          const leaves = departures.has(until);
          const noted = leaves ? silenceUntilLeaving(from, until) : silence(from, until);
          const added = until - from > 30 && row.leftAt === null ? [noted] : [];
          const leftAt = leaves ? at(until) : null;
          row = { ...row, lastSeenAt: at(until), leftAt, endedSilences: [...row.endedSilences, ...added] };
        }
      };
      const run = (aliveAt: number, readAt: number) => {
        receiveUntil(readAt);
        const known = outages.filter(([, to]) => to <= aliveAt).map(([from, to]) => outage(from, to));
        const { events, ...columns } = silenceEvents(row, context(aliveAt, known, readAt));
        recorded.push(...(kindsAndSeconds(events) as [string, number][]));
        row = { ...row, ...columns };
      };
      let readAt = 0;
      for (const [pause, lag] of runs) {
        readAt += pause;
        let aliveAt = readAt - lag;
        while (isAway(aliveAt)) aliveAt -= 1;
        if (aliveAt > 0 && readAt < END) run(aliveAt, readAt);
      }
      run(END, END);
      const expected = model(new Set(calls), departures, outages, END);
      expect(recorded).toEqual(expected);
      eventCount += expected.length;
    }),
    { numRuns: 500 },
  );
  expect(eventCount).toBeGreaterThan(1_000);
});

test('outages that ended before a silence are read only a few times', () => {
  let reads = 0;
  const outages = Array.from({ length: 1_000 }, (_, index): Outage => {
    const from = 20 * (index - 2_000);
    return {
      get startedAt() {
        reads += 1;
        return at(from);
      },
      get endedAt() {
        reads += 1;
        return at(from + 11);
      },
    };
  });
  const { staleAt, offlineAt } = silenceInstants(at(0), 10, context(1_000, outages));
  expect([secondsOf(staleAt!), secondsOf(offlineAt!)]).toEqual([30, 300]);
  expect(reads).toBeLessThanOrEqual(5 * outages.length);
});
