import { describe, expect, test } from '@jest/globals';
import { formatAvailability } from '@muster/contracts';
import fc from 'fast-check';
import {
  coalesce,
  hostPeriods,
  durationsOf,
  toAvailability,
  withOutages,
  type AvailabilityEvent,
  type CurrentHost,
  type Period,
} from '../src/services/availability/availability.js';
import { Outages } from '../src/services/availability/outages.js';
import { sortByHistory } from '../src/services/availability/read-events.sql.js';

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

const hostAt = (now: Partial<CurrentHost> = {}): CurrentHost => ({
  enrolledAt: at(-100_000),
  historyFrom: null,
  reportedFrom: at(-100_000),
  freshness: 'online',
  isEngineDown: false,
  lastSeenAt: at(1_000),
  leftAt: null,
  recordedSilence: null,
  aliveSince: null,
  ...now,
});

/** Formats periods as `0-60 online`, in seconds. */
const format = (periods: readonly Period[]) =>
  periods.map(({ from, to, state, reason }) => `${(from - START) / 1_000}-${(to - START) / 1_000} ${reason ?? state}`);

describe('the state of a host during a window', () => {
  const periods = (
    host: Partial<CurrentHost>,
    events: readonly AvailabilityEvent[],
    outages: readonly [number, number][] = [],
    period = window(0, 1_000),
  ) => format(withOutages(hostPeriods(period, hostAt(host), events), outagesOf(outages)));

  test('is its current state if there is no event', () => {
    expect(periods({}, [])).toEqual(['0-1000 online']);
    expect(periods({ freshness: 'offline', lastSeenAt: at(-50) }, [])).toEqual(['0-1000 offline']);
    expect(periods({ freshness: 'left', leftAt: at(-50) }, [])).toEqual(['0-1000 left']);
    expect(periods({ freshness: 'engine_down', isEngineDown: true }, [])).toEqual(['0-1000 engine_down']);
    expect(periods({ freshness: 'never', enrolledAt: at(400), reportedFrom: null }, [])).toEqual([
      '0-400 not_enrolled',
      '400-1000 no_report',
    ]);
  });

  test('is offline from the last call before a silence to the next call, even while the host was only stale', () => {
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

  test('is stale in a silence that ended before the host was offline', () => {
    expect(periods({}, [event('host_stale', 131, 100), event('host_back', 160, 100, 'stale')])).toEqual([
      '0-100 online',
      '100-160 stale',
      '160-1000 online',
    ]);
  });

  test('is stale in a silence that was recorded only when it ended', () => {
    expect(periods({}, [event('host_back', 160, 100, 'stale')])).toEqual([
      '0-100 online',
      '100-160 stale',
      '160-1000 online',
    ]);
  });

  test('comes from the first event of the window for the time before that event', () => {
    expect(periods({}, [event('host_back', 500, -800, 'offline')])).toEqual(['0-500 offline', '500-1000 online']);
    expect(periods({}, [event('engine_up', 500)])).toEqual(['0-500 engine_down', '500-1000 online']);
    expect(periods({}, [event('host_enrolled', 500, -200, 'left')])).toEqual(['0-500 left', '500-1000 online']);
    expect(periods({}, [event('host_enrolled', 500)])).toEqual(['0-1000 online']);
  });

  test('ends with the current state if the last events are not recorded yet', () => {
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
    for (const [from, expected] of [
      [-500, ['0-950 offline', '950-1000 online']],
      [600, ['0-600 online', '600-950 offline', '950-1000 online']],
    ] as const) {
      const recordedSilence = { from: at(from), state: 'offline' } as const;
      expect(periods({ recordedSilence, aliveSince: at(950) }, [])).toEqual(expected);
    }
  });

  test('is online between two silences, even if the end of the first silence is not recorded yet', () => {
    const recordedSilence = { from: at(100), state: 'offline' } as const;
    const now = { freshness: 'offline', recordedSilence, aliveSince: at(500), lastSeenAt: at(600) } as const;
    const events = [event('host_stale', 131, 100), event('host_offline', 400, 100)];
    expect(periods(now, events)).toEqual(['0-100 online', '100-500 offline', '500-600 online', '600-1000 offline']);
    expect(periods(now, [])).toEqual(periods(now, events));
    const earlier = { ...now, recordedSilence: { ...recordedSilence, from: at(-9_000) } };
    expect(periods(earlier, [])).toEqual(['0-500 offline', '500-600 online', '600-1000 offline']);
    expect(periods({ ...earlier, aliveSince: at(-500) }, [])).toEqual(['0-600 online', '600-1000 offline']);
  });

  test('is unknown while Muster was down, before the enrollment, before the history, and after the agent left', () => {
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

  test('is offline in a silence that began before the window, even if an enrollment or a departure ended the silence', () => {
    const enrolled = [event('host_enrolled', 900, -5_000, 'offline'), event('host_back', 900, -5_000, 'offline')];
    expect(periods({}, enrolled)).toEqual(['0-900 offline', '900-1000 online']);
    expect(periods({ freshness: 'left', leftAt: at(600) }, [event('host_left', 600, -5_000, 'offline')])).toEqual([
      '0-600 offline',
      '600-1000 left',
    ]);
  });

  test('is unknown for the time before the first snapshot, even after that snapshot', () => {
    const enrolled = [event('host_enrolled', 100)];
    const before = ['0-100 not_enrolled', '100-600 no_report'];
    expect(periods({ enrolledAt: at(100), reportedFrom: at(600) }, enrolled)).toEqual([...before, '600-1000 online']);
    // The time stays unknown even if the engine refused to list its containers.
    expect(periods({ enrolledAt: at(100), reportedFrom: null, freshness: 'engine_down' }, enrolled)).toEqual([
      '0-100 not_enrolled',
      '100-1000 no_report',
    ]);
  });

  test('is engine_down until a silence if the engine was down before the window', () => {
    const silence = [event('host_stale', 431, 400), event('host_offline', 700, 400)];
    const host = { freshness: 'offline', lastSeenAt: at(400), isEngineDown: true } as const;
    expect(periods(host, silence)).toEqual(['0-400 engine_down', '400-1000 offline']);
  });

  test('is not engine_down forever if a process with a wrong clock recorded the beginning of the downtime', () => {
    expect(periods({}, [event('engine_up', 350, 345), event('engine_down', 500)])).toEqual([
      '0-345 online',
      '345-350 engine_down',
      '350-1000 online',
    ]);
    const row = { hostId: '', since: null, before: null };
    const rows = [
      { ...row, kind: 'engine_up' as const, tx: '10', id: '2', at: 350 },
      { ...row, kind: 'host_stale' as const, tx: '11', id: '3', at: 400 },
      { ...row, kind: 'engine_down' as const, tx: '9', id: '1', at: 500 },
    ];
    expect(sortByHistory(rows).map(({ kind, at: instant }) => [kind, instant.getTime()])).toEqual([
      ['engine_down', 350],
      ['engine_up', 350],
      ['host_stale', 400],
    ]);
  });

  test('is engine_down only while the agent of the host calls', () => {
    const down = [event('engine_down', 100), event('host_stale', 331, 300), event('host_back', 400, 300, 'stale')];
    expect(periods({ freshness: 'engine_down', isEngineDown: true }, down)).toEqual([
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

type Spans = readonly (readonly [from: number, to: number])[];

/** A silence that ended with a call, another enrollment or the departure of the agent. */
interface Silence {
  from: number;
  to: number;
  ending: 'back' | 'enrolled' | 'left';
}

/** The actual life of a host, in seconds. Spans are sorted and disjoint. */
interface Truth {
  enrolled: number;
  /** When the first snapshot was applied. */
  reported: number;
  silences: Silence[];
  /** Periods from the departure of the agent to the next enrollment. */
  departures: [from: number, to: number][];
  /** Repeated enrollments while the host was online. */
  enrollments: number[];
  downtimes: [from: number, to: number][];
  away: [from: number, to: number][];
}

const START_SECOND = -1_500;
const LENGTH = 2_000;
const OFFLINE_AFTER = 300;

/** Generates disjoint spans from gaps and lengths. */
const spans = (lengthMax: number) =>
  fc
    .array(fc.tuple(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 31, max: lengthMax })), { maxLength: 8 })
    .map((pairs) => {
      const found: [number, number][] = [];
      let second = START_SECOND;
      for (const [gap, length] of pairs) {
        found.push([second + gap, second + gap + length]);
        second += gap + length;
      }
      return found;
    });

/** The silences, departures and enrollments of a host, one after the other. */
const steps = fc.array(
  fc.record({
    gap: fc.integer({ min: 1, max: 700 }),
    length: fc.integer({ min: 31, max: 900 }),
    kind: fc.constantFrom('back', 'enrolled', 'left', 'departure', 'enrollment'),
    leftFor: fc.integer({ min: 1, max: 900 }),
  }),
  { maxLength: 10 },
);

const truths: fc.Arbitrary<Truth> = fc
  .record({
    enrolled: fc.integer({ min: START_SECOND, max: 900 }),
    reportedAfter: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1_500 })),
    steps,
    downtimes: spans(3_000),
    away: spans(200),
  })
  .map(({ enrolled, reportedAfter, steps: list, downtimes, away }) => {
    const reported = enrolled + reportedAfter;
    const truth: Truth = { enrolled, reported, silences: [], departures: [], enrollments: [], downtimes: [], away };
    let second = reported;
    for (const { gap, length, kind, leftFor } of list) {
      const from = second + gap;
      second = kind === 'enrollment' ? from : from + length;
      if (kind === 'enrollment') truth.enrollments.push(from);
      else if (kind === 'departure') truth.departures.push([from, second]);
      else truth.silences.push({ from, to: second, ending: kind });
      if (kind === 'left') {
        truth.departures.push([second, second + leftFor]);
        second += leftFor;
      }
    }
    // The state of the engine changes only with a call.
    const nextCall = (instant: number): number => {
      const silence = truth.silences.find(({ from, to }) => from < instant && instant < to);
      const reached = silence?.to ?? instant;
      return truth.departures.find(([from, to]) => from <= reached && reached < to)?.[1] ?? reached;
    };
    for (const span of downtimes) {
      const [from, to] = span.map((instant) => nextCall(Math.max(instant, enrolled))) as [number, number];
      if (from < to && from > (truth.downtimes.at(-1)?.[1] ?? -Infinity)) truth.downtimes.push([from, to]);
    }
    return truth;
  });

const contains = (list: Spans, second: number) => list.some(([from, to]) => from <= second && second < to);

const stateOf = ({ from, to }: Silence) => (Math.min(to, LENGTH) - from >= OFFLINE_AFTER ? 'offline' : 'stale');

/** Returns the state of the host during one second. A silence without an end lasts until LENGTH. */
function stateAt({ enrolled, reported, silences, departures, downtimes, away }: Truth, second: number): string {
  if (second < enrolled) return 'not_enrolled';
  if (second < reported) return 'no_report';
  if (contains(departures, second)) return 'left';
  if (contains(away, second)) return 'muster_away';
  const silence = silences.find(({ from, to }) => from <= second && second < to);
  if (silence !== undefined) return stateOf(silence);
  return contains(downtimes, second) ? 'engine_down' : 'online';
}

/** Returns the events that Muster recorded until LENGTH, in the order in which they happened. */
function eventsOf({ enrolled, silences, departures, enrollments, downtimes }: Truth): AvailabilityEvent[] {
  const events = [event('host_enrolled', enrolled)];
  for (const silence of silences) {
    const { from, to, ending } = silence;
    const state = stateOf(silence);
    events.push(event('host_stale', from + 30, from));
    if (state === 'offline') events.push(event('host_offline', from + OFFLINE_AFTER, from));
    if (ending === 'left') events.push(event('host_left', to, from, state));
    if (ending === 'enrolled') events.push(event('host_enrolled', to, from, state));
    if (ending !== 'left') events.push(event('host_back', to, from, state));
  }
  for (const [from, to] of departures) {
    if (!silences.some((silence) => silence.to === from && silence.ending === 'left')) {
      events.push(event('host_left', from));
    }
    events.push(event('host_enrolled', to, from, 'left'));
  }
  for (const enrollment of enrollments) events.push(event('host_enrolled', enrollment));
  for (const [from, to] of downtimes) events.push(event('engine_down', from), event('engine_up', to, from));
  return events.filter((each) => each.at <= at(LENGTH)).sort((a, b) => a.at.getTime() - b.at.getTime());
}

/** Returns the state in a silence that has not ended, according to the events. */
const recordedSilence = (events: readonly AvailabilityEvent[]): CurrentHost['recordedSilence'] =>
  events.reduce<CurrentHost['recordedSilence']>((recorded, { kind, since }) => {
    if (kind === 'host_stale') return { from: since!, state: 'stale' };
    if (kind === 'host_offline') return { from: since!, state: 'offline' };
    return kind === 'host_back' || kind === 'host_left' ? null : recorded;
  }, null);

/** Returns the host at LENGTH, after these events were recorded. */
function hostOf(
  { enrolled, reported, silences, departures, downtimes }: Truth,
  events: readonly AvailabilityEvent[],
): CurrentHost {
  const isOver = ({ to }: { to: number }) => to <= LENGTH;
  const left = departures.find(([from, to]) => from <= LENGTH && LENGTH < to);
  const silence = silences.find((each) => each.from < LENGTH && !isOver(each));
  const last = silences.filter(isOver).at(-1);
  return {
    enrolledAt: at(enrolled),
    historyFrom: null,
    reportedFrom: reported <= LENGTH ? at(reported) : null,
    freshness: reported > LENGTH ? 'never' : left ? 'left' : silence ? stateOf(silence) : 'online',
    isEngineDown: contains(downtimes, LENGTH),
    lastSeenAt: at(left?.[0] ?? silence?.from ?? LENGTH),
    leftAt: left ? at(left[0]) : null,
    recordedSilence: recordedSilence(events),
    aliveSince: last === undefined || last.ending === 'left' ? null : at(last.to),
  };
}

test('the periods of any host equal the periods of a model that computes the state of each second', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(truths, fc.boolean(), fc.boolean(), (truth, isLastEventMissing, areBeginningsMissing) => {
      let recorded = eventsOf(truth);
      // The task that records silences runs after some seconds, so the last event may be missing. All other events are
      // recorded immediately.
      const last = recorded.at(-1)!;
      if (isLastEventMissing && /stale|offline|back/.test(last.kind)) recorded = recorded.slice(0, -1);
      // The beginnings of silences are read only if no other event contains them.
      const isRead = ({ kind }: AvailabilityEvent) => !areBeginningsMissing || !/stale|offline/.test(kind);
      const events = recorded.filter((each) => each.at >= at(0) && isRead(each));
      const outages = outagesOf(truth.away);
      const known = hostPeriods(window(0, LENGTH), hostOf(truth, recorded), events);
      const periods = withOutages(known, outages);
      const seconds: string[] = [];
      for (const { from, to, state, reason } of periods) {
        for (let instant = from; instant < to; instant += 1_000) seconds.push(reason ?? state);
      }
      const expected = Array.from({ length: LENGTH }, (_, second) => stateAt(truth, second));
      expect(seconds).toEqual(expected);
      for (const state of expected) seen.add(state);
      const knownSeconds = expected.filter((state) => /online|engine_down|stale|offline/.test(state)).length;
      const { ratio, seconds: sums } = toAvailability(durationsOf(known, outages));
      expect(ratio).toEqual(
        knownSeconds === 0 ? null : expected.filter((state) => state === 'online').length / knownSeconds,
      );
      expect(sums.online + sums.engineDown + sums.stale + sums.offline + sums.unknown).toBe(LENGTH);
    }),
    { numRuns: 500 },
  );
  expect([...seen].sort()).toEqual([
    'engine_down',
    'left',
    'muster_away',
    'no_report',
    'not_enrolled',
    'offline',
    'online',
    'stale',
  ]);
});

describe('coalesced periods', () => {
  const RANKS = ['offline', 'engine_down', 'stale', 'unknown', 'online'];

  test('cover the window without gaps, do not exceed the maximum number, and hide no offline time', () => {
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
])('the ratio %p is formatted as %p, never rounded up', (ratio, text) => expect(formatAvailability(ratio)).toBe(text));
