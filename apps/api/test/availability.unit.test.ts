import { describe, expect, test } from '@jest/globals';
import { formatAvailability } from '@muster/contracts';
import fc from 'fast-check';
import {
  coalesce,
  hostPeriods,
  timesOf,
  toAvailability,
  withOutages,
  type AvailabilityEvent,
  type HostNow,
  type Period,
} from '../src/services/availability/availability.js';
import { Outages } from '../src/services/availability/outages.js';

const START = Date.UTC(2026, 2, 1, 12);
const at = (second: number) => new Date(START + second * 1_000);
const window = (from: number, to: number, historyFrom = -1_000_000) => ({
  from: at(from).getTime(),
  to: at(to).getTime(),
  historyFrom: at(historyFrom).getTime(),
});
const outagesOf = (spans: readonly [from: number, to: number][]) =>
  new Outages(spans.map(([from, to]) => ({ startedAt: at(from), endedAt: at(to) })));

const event = (
  kind: AvailabilityEvent['kind'],
  second: number,
  since: number | null = null,
  before: AvailabilityEvent['before'] = null,
): AvailabilityEvent => ({ kind, at: at(second), since: since === null ? null : at(since), before });

const hostAt = (now: Partial<HostNow> = {}): HostNow => ({
  enrolledAt: at(-100_000),
  freshness: 'online',
  lastSeenAt: at(1_000),
  leftAt: null,
  aliveSince: null,
  ...now,
});

/** Formats periods as `0-60 online`, in seconds. */
const format = (periods: readonly Period[]) =>
  periods.map(({ from, to, state, reason }) => `${(from - START) / 1_000}-${(to - START) / 1_000} ${reason ?? state}`);

describe('what a host was', () => {
  const periods = (
    host: Partial<HostNow>,
    events: readonly AvailabilityEvent[],
    outages: readonly [number, number][] = [],
    period = window(0, 1_000),
  ) => format(withOutages(hostPeriods(period, hostAt(host), events), outagesOf(outages)));

  test('without an event is what it is now', () => {
    expect(periods({}, [])).toEqual(['0-1000 online']);
    expect(periods({ freshness: 'offline', lastSeenAt: at(-50) }, [])).toEqual(['0-1000 offline']);
    expect(periods({ freshness: 'left', leftAt: at(-50) }, [])).toEqual(['0-1000 left']);
    expect(periods({ freshness: 'engine_down' }, [])).toEqual(['0-1000 engine_down']);
    expect(periods({ freshness: 'never', enrolledAt: at(400) }, [])).toEqual([
      '0-400 not_enrolled',
      '400-1000 no_report',
    ]);
  });

  test('in a silence is offline from the last call to the next call, even while it was only stale', () => {
    const silence = [event('host_stale', 131, 100), event('host_offline', 400, 100)];
    expect(periods({ freshness: 'offline', lastSeenAt: at(100) }, silence)).toEqual([
      '0-100 online',
      '100-1000 offline',
    ]);
    expect(periods({}, [...silence, event('host_back', 700, 100, 'offline')])).toEqual([
      '0-100 online',
      '100-700 offline',
      '700-1000 online',
    ]);
  });

  test('in a silence that ended before it was offline is stale', () => {
    expect(periods({}, [event('host_stale', 131, 100), event('host_back', 160, 100, 'stale')])).toEqual([
      '0-100 online',
      '100-160 stale',
      '160-1000 online',
    ]);
  });

  test('in a silence that was noticed only when it ended is stale as well', () => {
    expect(periods({}, [event('host_back', 160, 100, 'stale')])).toEqual([
      '0-100 online',
      '100-160 stale',
      '160-1000 online',
    ]);
  });

  test('before the first event of the window is what that event says it was', () => {
    expect(periods({}, [event('host_back', 500, -800, 'offline')])).toEqual(['0-500 offline', '500-1000 online']);
    expect(periods({}, [event('engine_up', 500)])).toEqual(['0-500 engine_down', '500-1000 online']);
    expect(periods({}, [event('host_enrolled', 500)])).toEqual(['0-500 left', '500-1000 online']);
  });

  test('is what it is now if the last events are not recorded yet', () => {
    expect(periods({ freshness: 'stale', lastSeenAt: at(900) }, [])).toEqual(['0-900 online', '900-1000 stale']);
    expect(periods({ freshness: 'offline', lastSeenAt: at(600) }, [event('host_stale', 631, 600)])).toEqual([
      '0-600 online',
      '600-1000 offline',
    ]);
    expect(periods({ aliveSince: at(950) }, [event('host_stale', 631, 600), event('host_offline', 900, 600)])).toEqual([
      '0-600 online',
      '600-950 offline',
      '950-1000 online',
    ]);
    expect(periods({ freshness: 'left', leftAt: at(990) }, [])).toEqual(['0-990 online', '990-1000 left']);
  });

  test('is unknown while Muster was away, before the enrollment, before the history, and after the agent left', () => {
    const history = window(0, 1_000, 200);
    expect(
      periods(
        {},
        [],
        [
          [-50, 10],
          [300, 400],
        ],
      ),
    ).toEqual(['0-10 muster_away', '10-300 online', '300-400 muster_away', '400-1000 online']);
    expect(periods({}, [], [[100, 300]], history)).toEqual([
      '0-200 no_history',
      '200-300 muster_away',
      '300-1000 online',
    ]);
    expect(periods({ enrolledAt: at(600) }, [event('host_enrolled', 600)], [], history)).toEqual([
      '0-600 not_enrolled',
      '600-1000 online',
    ]);
    expect(periods({}, [event('host_left', 100), event('host_enrolled', 700)])).toEqual([
      '0-100 online',
      '100-700 left',
      '700-1000 online',
    ]);
  });

  test('with its engine down is engine_down only while its agent calls', () => {
    const down = [event('engine_down', 100), event('host_stale', 331, 300), event('host_back', 400, 300, 'stale')];
    expect(periods({ freshness: 'engine_down' }, down)).toEqual([
      '0-100 online',
      '100-300 engine_down',
      '300-400 stale',
      '400-1000 engine_down',
    ]);
    expect(periods({}, [...down, event('engine_up', 500)])).toEqual([
      '0-100 online',
      '100-300 engine_down',
      '300-400 stale',
      '400-500 engine_down',
      '500-1000 online',
    ]);
  });
});

/** The truth about a host, as sorted, disjoint spans of seconds. */
interface Truth {
  enrolled: number;
  silences: [from: number, to: number][];
  downtimes: [from: number, to: number][];
  away: [from: number, to: number][];
  left: number | null;
}

const LENGTH = 2_000;
const OFFLINE_AFTER = 300;

/** Arbitrary disjoint spans, at least `gapMin` apart, from gaps and lengths. */
const spans = (lengthMax: number, gapMin: number) =>
  fc
    .array(fc.tuple(fc.integer({ min: gapMin, max: 600 }), fc.integer({ min: 31, max: lengthMax })), { maxLength: 8 })
    .map((pairs) => {
      const found: [number, number][] = [];
      let second = -500;
      for (const [gap, length] of pairs) {
        found.push([second + gap, second + gap + length]);
        second += gap + length;
      }
      return found;
    });

const truths: fc.Arbitrary<Truth> = fc
  .record({
    enrolled: fc.integer({ min: -700, max: 900 }),
    silences: spans(700, 1),
    downtimes: spans(400, 1),
    away: spans(200, 1),
    left: fc.option(fc.integer({ min: 900, max: LENGTH - 1 })),
  })
  .map(({ enrolled, silences, downtimes, away, left }) => {
    const end = left ?? LENGTH;
    // A host is not silent before its enrollment or after it left, and its engine is down only while its agent calls.
    const kept = silences.filter(([from, to]) => from > enrolled && (to < end || left === null));
    const isSilentAt = (second: number) => kept.some(([from, to]) => from <= second && second <= to);
    return {
      enrolled,
      silences: kept,
      downtimes: downtimes.filter(([from, to]) => from > enrolled && to < end && !isSilentAt(from) && !isSilentAt(to)),
      away,
      left,
    };
  });

const contains = (list: readonly [number, number][], second: number) =>
  list.some(([from, to]) => from <= second && second < to);

/** What the host was during one second. A silence that goes on at the end has lasted until then. */
function stateAt({ enrolled, silences, downtimes, away, left }: Truth, second: number): string {
  if (second < enrolled) return 'not_enrolled';
  if (left !== null && second >= left) return 'left';
  if (contains(away, second)) return 'muster_away';
  const silence = silences.find(([from, to]) => from <= second && second < to);
  if (silence !== undefined) {
    return Math.min(silence[1], LENGTH) - silence[0] >= OFFLINE_AFTER ? 'offline' : 'stale';
  }
  return contains(downtimes, second) ? 'engine_down' : 'online';
}

/** The events that Muster recorded, and the host as it is at the end. */
function record({ enrolled, silences, downtimes, left }: Truth): { events: AvailabilityEvent[]; host: HostNow } {
  const events = [event('host_enrolled', enrolled)];
  let [freshness, lastSeenAt, aliveSince]: [HostNow['freshness'], number, number | null] = ['online', LENGTH, null];
  for (const [from, to] of silences) {
    if (from >= LENGTH) continue;
    const isOffline = Math.min(to, LENGTH) - from >= OFFLINE_AFTER;
    if (from + 30 < LENGTH) events.push(event('host_stale', from + 30, from));
    if (isOffline) events.push(event('host_offline', from + OFFLINE_AFTER, from));
    if (to <= LENGTH) {
      events.push(event('host_back', to, from, isOffline ? 'offline' : 'stale'));
      aliveSince = to;
    } else [freshness, lastSeenAt] = [isOffline ? 'offline' : 'stale', from];
  }
  for (const [from, to] of downtimes) {
    if (from >= LENGTH) continue;
    events.push(event('engine_down', from));
    if (to <= LENGTH) events.push(event('engine_up', to));
    else if (freshness === 'online') freshness = 'engine_down';
  }
  if (left !== null) {
    events.push(event('host_left', left));
    freshness = 'left';
  }
  return {
    events: events.sort((a, b) => a.at.getTime() - b.at.getTime()),
    host: {
      enrolledAt: at(enrolled),
      freshness,
      lastSeenAt: at(lastSeenAt),
      leftAt: left === null ? null : at(left),
      aliveSince: aliveSince === null ? null : at(aliveSince),
    },
  };
}

test('the periods of any host equal those of a model that walks through the window second by second', () => {
  fc.assert(
    fc.property(truths, fc.boolean(), (truth, isLastEventMissing) => {
      const { events, host } = record(truth);
      let seen = events.filter((each) => each.at >= at(0));
      // The task that records events runs after some seconds, so what happened last may be missing. Whether an engine is
      // down is recorded with the heartbeat.
      if (isLastEventMissing && !/engine/.test(seen.at(-1)?.kind ?? '')) seen = seen.slice(0, -1);
      const outages = outagesOf(truth.away);
      const known = hostPeriods(window(0, LENGTH), host, seen);
      const periods = withOutages(known, outages);
      const seconds: string[] = [];
      for (const { from, to, state, reason } of periods) {
        for (let instant = from; instant < to; instant += 1_000) seconds.push(reason ?? state);
      }
      const expected = Array.from({ length: LENGTH }, (_, second) => stateAt(truth, second));
      expect(seconds).toEqual(expected);
      const knownSeconds = expected.filter((state) => /online|engine_down|stale|offline/.test(state)).length;
      const { ratio, seconds: sums } = toAvailability(timesOf(known, outages));
      expect(ratio).toEqual(
        knownSeconds === 0 ? null : expected.filter((state) => state === 'online').length / knownSeconds,
      );
      expect(sums.online + sums.engineDown + sums.stale + sums.offline + sums.unknown).toBe(LENGTH);
    }),
    { numRuns: 500 },
  );
});

describe('coalesced periods', () => {
  const RANKS = ['offline', 'engine_down', 'stale', 'unknown', 'online'];

  test('cover the window without gaps, are at most as many as allowed, and hide no offline time', () => {
    const states = fc.array(
      fc.tuple(
        fc.integer({ min: 1, max: 500 }),
        fc.constantFrom(...(['online', 'stale', 'offline', 'unknown'] as const)),
      ),
      { minLength: 1, maxLength: 80 },
    );
    fc.assert(
      fc.property(states, fc.integer({ min: 1, max: 20 }), (list, periodsMax) => {
        let end = 0;
        const periods = list.map(([length, state]): Period => {
          const from = end;
          end += length * 1_000;
          return { from, to: end, state, reason: state === 'unknown' ? 'muster_away' : null };
        });
        const merged = coalesce(periods, periodsMax);
        expect(merged.length).toBeLessThanOrEqual(Math.max(periodsMax, 1));
        expect([merged[0]!.from, merged.at(-1)!.to]).toEqual([0, end]);
        merged.slice(1).forEach(({ from }, index) => expect(from).toBe(merged[index]!.to));
        for (const { from, to, state } of periods) {
          const shown = merged.filter((each) => each.from < to && each.to > from);
          for (const each of shown) expect(RANKS.indexOf(each.state)).toBeLessThanOrEqual(RANKS.indexOf(state));
        }
      }),
    );
  });
});

test.each([
  [1, '100 %'],
  [0.99999999, '99.99 %'],
  [0.9999, '99.99 %'],
  [0.57, '57 %'],
  [0.295, '29.5 %'],
  [0.00001, '< 0.01 %'],
  [0, '0 %'],
  [null, 'unknown'],
])('the ratio %p is the percentage %p, never rounded up', (ratio, text) =>
  expect(formatAvailability(ratio)).toBe(text),
);
