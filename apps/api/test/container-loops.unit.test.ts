import { describe, expect, test } from '@jest/globals';
import { Container, type ContainerInput } from '@muster/contracts';
import { containerChanges } from '../src/services/sync/container-changes.js';
import {
  advanceLoop,
  LOOP_CODES_MAX,
  NO_EXITS,
  toLoopExits,
  toExitReports,
  type LoopState,
  type ExitReport,
} from '../src/services/sync/container-loops.js';
import { foldLoops, statesAfter, withoutLoops } from '../src/services/sync/fold-loops.js';
import { toContainerFacts } from '../src/services/sync/container-row.js';
import { container } from './fixtures.js';

const facts = (changes: Partial<ContainerInput>) => toContainerFacts(Container.parse(container('a', { ...changes })));
const AT = '2026-03-01T12:00:00.000Z';
const LATER = '2026-03-01T12:01:00.000Z';
const running = (restartCount: number, startedAt = AT) =>
  facts({ state: 'running', status: 'Up 1 second', restartCount, startedAt, oomKilled: false });
const ended = (state: string, restartCount: number, startedAt = AT) =>
  facts({ state, status: `Exited (1) now`, restartCount, startedAt, oomKilled: false });

describe('the number of exits between two reports', () => {
  test.each([
    ['an exit', running(0), ended('exited', 0), 1],
    ['a start', ended('exited', 0), running(0, LATER), 0],
    ['an exit before a restart by the engine', running(0), ended('restarting', 0), 1],
    ['a restart by the engine', ended('restarting', 0), running(1, LATER), 0],
    ['a restart that was not seen', running(0), running(1, LATER), 1],
    ['three restarts that were not seen', running(2), running(5, LATER), 3],
    ['a restart and an exit', running(0), ended('restarting', 1, LATER), 2],
    ['restarts while the container waits for the next one', ended('restarting', 1), ended('restarting', 4, LATER), 3],
    ['an operator’s restart, after which the engine counts from 0', running(7), running(0, LATER), 1],
  ])('is correct after %s', (_name, from, to, exits) => {
    expect(toExitReports(containerChanges(from, to))).toMatchObject([{ dockerId: 'a', removed: false, exits }]);
  });

  test('is at least one if an older agent does not report the number of restarts', () => {
    const [from, to] = [AT, LATER].map((startedAt) => facts({ state: 'running', status: 'Up 1 second', startedAt }));
    expect(toExitReports(containerChanges(from!, to!))).toMatchObject([{ exits: 1 }]);
  });
});

describe('a looping container', () => {
  const kindsWithStep = (from: Partial<ContainerInput>, to: Partial<ContainerInput>) => {
    const events = containerChanges(facts(from), facts(to));
    return events.map((event) => [event.kind, toExitReports([event]).length]);
  };

  test.each<[string, Partial<ContainerInput>, Partial<ContainerInput>, unknown[][]]>([
    ['health', { status: 'Up 1 second (healthy)' }, { status: 'Up 1 second (unhealthy)' }, [['health_changed', 1]]],
    ['ports', {}, { ports: [] }, [['updated', 1]]],
    ['start time', { startedAt: null }, { startedAt: AT }, [['updated', 1]]],
    ['name', {}, { name: 'other' }, [['renamed', 0]]],
    [
      'image',
      {},
      { image: 'nginx:2', imageId: 'sha256:11' },
      [
        ['image_changed', 0],
        ['updated', 0],
      ],
    ],
    ['labels', {}, { labels: {} }, [['updated', 0]]],
    ['labels and ports', {}, { labels: {}, ports: [] }, [['updated', 0]]],
    ['pause', {}, { state: 'paused', status: 'Up (Paused)' }, [['paused', 0]]],
  ])(
    'has no events for changes that recur with each restart, but has events for other changes: %s',
    (_name, from, to, kinds) => {
      expect(kindsWithStep(from, to)).toEqual(kinds);
    },
  );
});

test('the exits of a loop are returned by frequency, without the internal timestamps', () => {
  const entry = (code: number | null, count: number) => ({ code, reason: 'crashed' as const, count, recordedAt: AT });
  const stored = {
    count: 9,
    first: '2026-03-01T12:00:00+00:00',
    last: '2026-03-01T13:30:00.5+01:00',
    codes: { '1/crashed': entry(1, 2), '2/crashed': entry(2, 4), '3/crashed': entry(3, 2) },
  };
  expect(toLoopExits(stored)).toEqual({
    count: 9,
    first: AT,
    last: '2026-03-01T12:30:00.500Z',
    codes: [
      { code: 2, reason: 'crashed', count: 4 },
      { code: 1, reason: 'crashed', count: 2 },
      { code: 3, reason: 'crashed', count: 2 },
    ],
  });
});

describe('the loop of a container', () => {
  const NOW_MS = Date.parse(AT);
  const [MINUTE_MS, HOUR_MS] = [60_000, 3_600_000];
  const exit: ExitReport = {
    dockerId: 'a',
    removed: false,
    exits: 1,
    fromState: 'running',
    toState: 'exited',
    code: 1,
    reason: 'crashed',
    isError: true,
  };
  const start: ExitReport = {
    ...exit,
    exits: 0,
    fromState: 'exited',
    toState: 'running',
    code: null,
    reason: null,
    isError: false,
  };
  const healthOnly: ExitReport = { ...start, exits: null, fromState: null, toState: null };
  const at = (ms: number, isContinuous = true) => ({
    observedAt: new Date(ms),
    receivedAt: new Date(ms),
    isContinuous,
  });
  const everyMinute = (count: number) => Array.from({ length: count }, (_, index) => NOW_MS - (index + 1) * MINUTE_MS);
  const looping = (): LoopState => advanceLoop({ ...NO_EXITS, exitTimes: everyMinute(20) }, exit, at(NOW_MS)).state!;

  test('begins only with an exit that follows 20 exits in the past hour', () => {
    for (const [count, isLoop] of [
      [19, false],
      [20, true],
    ] as const) {
      const { state, isFolded } = advanceLoop({ ...NO_EXITS, exitTimes: everyMinute(count) }, exit, at(NOW_MS));
      expect([isFolded, state?.loop !== null]).toEqual([isLoop, isLoop]);
    }
    expect(looping()).toMatchObject({
      loopingSince: NOW_MS,
      loop: { count: 1, first: AT, last: AT, from: 'running', to: 'exited', exitCode: 1, isError: true },
    });
  });

  test('keeps the newest 20 exit times, and reports which of the stored times remain', () => {
    const stored = [NOW_MS + HOUR_MS, ...everyMinute(3), NOW_MS - HOUR_MS];
    const { state, times } = advanceLoop({ ...NO_EXITS, exitTimes: stored }, { ...exit, exits: 2 }, at(NOW_MS));
    expect(times).toEqual({ added: 2, first: 2, last: 4 });
    expect(state?.exitTimes).toEqual([NOW_MS, NOW_MS, ...stored.slice(times.first - 1, times.last)]);
    expect(
      advanceLoop({ ...NO_EXITS, exitTimes: stored }, { ...exit, exits: 30 }, at(NOW_MS)).state?.exitTimes,
    ).toEqual(Array.from({ length: 20 }, () => NOW_MS));
    expect(advanceLoop(NO_EXITS, { ...exit, exits: 30 }, at(NOW_MS, false)).state?.exitTimes).toEqual([NOW_MS]);
  });

  test('does not change if the container is not looping and its process did not end', () => {
    for (const report of [start, healthOnly]) {
      const before = { ...NO_EXITS, exitTimes: everyMinute(20) };
      expect(advanceLoop(before, report, at(NOW_MS))).toMatchObject({ state: null, ended: null, isFolded: false });
    }
  });

  test('ends an hour after its beginning, or when the container is removed', () => {
    const before = looping();
    for (const report of [exit, start, healthOnly]) {
      const { ended, state } = advanceLoop(before, report, at(NOW_MS + HOUR_MS));
      expect([ended, state?.loop]).toEqual([before.loop, null]);
    }
    const removed = advanceLoop(before, { ...healthOnly, removed: true }, at(NOW_MS + MINUTE_MS));
    expect(removed).toMatchObject({ ended: before.loop, isFolded: false });
  });

  test('folds each change, except a health change of a container that has been up for a minute', () => {
    const isFolded = (report: ExitReport, ms: number) => advanceLoop(looping(), report, at(NOW_MS + ms)).isFolded;
    expect([isFolded(start, 2 * MINUTE_MS), isFolded(healthOnly, 1_000)]).toEqual([true, true]);
    expect(isFolded(healthOnly, MINUTE_MS)).toBe(false);
  });

  test('keeps the last exit with an error, and at most 16 codes', () => {
    let state = looping();
    for (let code = 2; code < 30; code++) state = advanceLoop(state, { ...exit, code }, at(NOW_MS)).state!;
    const done = { ...exit, code: 0, reason: 'completed' as const, isError: false };
    state = advanceLoop(state, done, at(NOW_MS)).state!;
    expect(state.loop).toMatchObject({ count: 30, exitCode: 29, exitReason: 'crashed', isError: true });
    expect(Object.keys(state.loop!.codes)).toHaveLength(LOOP_CODES_MAX);
  });

  test('needs no memory if the container has no recent exits', () => {
    const states = statesAfter(new Map(), withoutLoops([]).changes, { removals: [], observedAt: new Date(NOW_MS) });
    expect(states.size).toBe(0);
    const old = new Map([['a', { ...NO_EXITS, exitTimes: [NOW_MS - HOUR_MS] }]]);
    expect(statesAfter(old, new Map(), { removals: [], observedAt: new Date(NOW_MS) }).size).toBe(0);
  });

  test('while folding is disabled, ends only when its container is removed', async () => {
    const before = looping();
    const events = containerChanges(running(0), ended('exited', 0));
    const options = { ...at(NOW_MS + MINUTE_MS), foldsLoops: false };
    const folded = await foldLoops(events, new Map([['a', before]]), options);
    expect(folded).toEqual({ events, changes: new Map(), dependsOnContinuity: false });
  });
});
