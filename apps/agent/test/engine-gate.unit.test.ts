import { describe, expect, test } from '@jest/globals';
import { createEngineGate, type GateFailure } from '../src/engine/engine-gate.js';
import { createListTimeout } from '../src/engine/list-timeout.js';
import { parseEnv } from '../src/env.js';
import { createLogOnce } from '../src/lib/log-once.js';

const MINUTE_MS = 60_000;
const neverAborted = new AbortController().signal;

/** Creates a gate with a clock that tests set. By default, the jitter makes each wait as short as possible. */
function openGate(random = 0) {
  const clock = { now: 0 };
  const gate = createEngineGate({ now: () => clock.now, random: () => random });
  return { clock, gate };
}

describe('the engine gate, which delays calls after failures,', () => {
  test.each<GateFailure>(['refused', 'malformed', 'timeout', 'too_large'])(
    'allows at most six lists a minute while every list fails (%s), even if event streams open and close',
    (failure) => {
      const { clock, gate } = openGate();
      const lists: number[] = [];
      for (; clock.now < 5 * MINUTE_MS; clock.now += 100) {
        // The engine still sends events, and streams are opened and lost.
        gate.succeeded('events');
        gate.failed('events', 'closed');
        gate.reopen();
        if (gate.openAt('list') > clock.now) continue;
        lists.push(clock.now);
        gate.failed('list', failure);
      }
      for (let minute = 0; minute < 5; minute++) {
        const inMinute = lists.filter((at) => Math.floor(at / MINUTE_MS) === minute);
        expect(inMinute.length).toBeGreaterThanOrEqual(1);
        expect(inMinute.length).toBeLessThanOrEqual(6);
      }
    },
  );

  test('allows at most six lists in the first minute if the engine accepts event streams but no lists', () => {
    const { clock, gate } = openGate();
    const lists: number[] = [];
    for (; clock.now < 3 * MINUTE_MS; clock.now += 100) {
      gate.reopen();
      if (gate.openAt('list') > clock.now) continue;
      lists.push(clock.now);
      gate.failed('list', 'unreachable');
    }
    expect(lists.filter((at) => at < MINUTE_MS).length).toBeLessThanOrEqual(6);
    expect(lists.filter((at) => at >= 2 * MINUTE_MS).length).toBeLessThanOrEqual(2);
  });

  test('delays lists and event streams by at most 15 s if the engine cannot be reached', () => {
    const { clock, gate } = openGate(0.999);
    for (let failures = 1; failures < 30; failures++) {
      gate.failed('list', 'unreachable');
      expect(gate.openAt('events')).toBe(gate.openAt('list'));
      expect(gate.openAt('list') - clock.now).toBeLessThanOrEqual(15_000);
      clock.now = gate.openAt('list');
    }
    gate.failed('list', 'unreachable');
    expect(gate.openAt('list') - clock.now).toBeGreaterThan(14_000);
  });

  test('does not delay lists if only the event stream is refused or ends', () => {
    const { gate } = openGate();
    gate.failed('events', 'refused');
    expect(gate.openAt('list')).toBe(-Infinity);
    expect(gate.openAt('events')).toBe(5_000);
  });

  test('delays new event streams while the list fails', () => {
    const { gate } = openGate();
    gate.failed('list', 'refused');
    expect(gate.openAt('events')).toBe(5_000);
  });

  test('opens after a successful list, and the next failure causes only a short wait', () => {
    const { clock, gate } = openGate();
    for (let i = 0; i < 5; i++) {
      gate.failed('list', 'refused');
      clock.now = gate.openAt('list');
    }
    gate.succeeded('list');
    expect(gate.openAt('events')).toBe(-Infinity);
    gate.failed('list', 'refused');
    expect(gate.openAt('list') - clock.now).toBe(5_000);
  });

  test('opens early, but only once, if the engine accepts connections again', () => {
    const { clock, gate } = openGate(0.5);
    for (let i = 0; i < 6; i++) {
      gate.failed('list', 'unreachable');
      clock.now = gate.openAt('list');
    }
    gate.failed('events', 'unreachable');
    expect(gate.openAt('list')).toBeGreaterThan(clock.now);
    gate.reopen();
    expect(gate.openAt('list')).toBeLessThanOrEqual(clock.now);
    gate.failed('list', 'unreachable');
    gate.reopen();
    expect(gate.openAt('list')).toBeGreaterThan(clock.now);
  });

  test('counts concurrent failed calls as one failure', () => {
    const { gate } = openGate(0.5);
    gate.failed('list', 'unreachable');
    const openAt = gate.openAt('list');
    gate.failed('events', 'unreachable');
    gate.failed('list', 'unreachable');
    expect(gate.openAt('list')).toBe(openAt);
  });

  test('ends a wait when a list succeeds or the waiting call is aborted', async () => {
    const gate = createEngineGate({ now: () => performance.now(), random: () => 0 });
    gate.failed('list', 'refused');
    const waiting = gate.wait('events', neverAborted);
    gate.succeeded('list');
    await waiting;
    gate.failed('list', 'refused');
    const stop = new AbortController();
    const aborted = gate.wait('events', stop.signal);
    stop.abort();
    await aborted;
  });
});

describe('the timeout of a list', () => {
  test('is a whole number of milliseconds even if the last list took a fractional number', () => {
    const timeout = createListTimeout(15_000);
    timeout.recordSuccess(9_602.8098);
    expect(timeout.ms()).toBe(19_206);
    expect(AbortSignal.timeout(timeout.ms()).aborted).toBe(false);
  });

  test('doubles after each timeout, up to two minutes', () => {
    const timeout = createListTimeout(15_000);
    const timeouts = Array.from({ length: 5 }, () => {
      timeout.recordTimeout();
      return timeout.ms() / 1_000;
    });
    expect(timeouts).toEqual([30, 60, 120, 120, 120]);
  });

  test('is at least twice the duration of the last list, so that an engine whose lists take 16 s can be read', () => {
    const timeout = createListTimeout(15_000);
    timeout.recordTimeout();
    timeout.recordSuccess(16_000);
    expect(timeout.ms()).toBe(32_000);
    timeout.recordSuccess(50);
    expect(timeout.ms()).toBe(15_000);
  });

  test('is never shorter than the configured timeout', () => {
    const timeout = createListTimeout(300_000);
    timeout.recordTimeout();
    timeout.recordSuccess(1_000);
    expect(timeout.ms()).toBe(300_000);
  });
});

test.each(['0', '301', '1.5', '-3', 'long'])('MUSTER_ENGINE_TIMEOUT=%s is refused', (value) => {
  expect(parseEnv({ MUSTER_ENGINE_TIMEOUT: value })).toEqual({
    success: false,
    errors: ['MUSTER_ENGINE_TIMEOUT must be a number of seconds from 1 to 300'],
  });
});

test('a repeated message is logged once, then hourly with its count, and immediately after a quiet period', () => {
  let now = 0;
  const logged: [string, object][] = [];
  const write = (level: string) => (details: object) => void logged.push([level, details]);
  const logOnce = createLogOnce({ debug: write('debug'), warn: write('warn'), error: write('error') }, () => now);
  const isLogged = (kind: string, count: number): boolean[] =>
    Array.from({ length: count }, () => {
      now += MINUTE_MS;
      return logOnce('warn', kind, 'a message', { kind });
    });
  expect(isLogged('a', 3)).toEqual([true, false, false]);
  expect(isLogged('b', 1)).toEqual([true]);
  expect(isLogged('a', 57)).toEqual([...Array.from({ length: 56 }, () => false), true]);
  now += 6 * MINUTE_MS;
  expect(isLogged('a', 2)).toEqual([true, false]);
  expect(logged.filter(([level]) => level === 'warn').map(([, details]) => details)).toEqual([
    { kind: 'a' },
    { kind: 'b' },
    { kind: 'a', times: 59 },
    { kind: 'a' },
  ]);
});

test('after an hour without a repetition, the number of repetitions is logged and the message is forgotten', () => {
  let now = 0;
  const warnings: object[] = [];
  const log = {
    debug: () => undefined,
    warn: (details: object) => void warnings.push(details),
    error: () => undefined,
  };
  const logOnce = createLogOnce(log, () => now);
  for (let repetition = 0; repetition < 3; repetition++) logOnce('warn', 'a', 'a message', { kind: 'a' });
  now += 60 * MINUTE_MS;
  logOnce('warn', 'b', 'a message', { kind: 'b' });
  logOnce('warn', 'a', 'a message', { kind: 'a' });
  expect(warnings).toEqual([{ kind: 'a' }, { kind: 'b' }, { kind: 'a' }]);
});
