import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parseEvent } from '../src/engine/event-stream.js';
import { createExitHistory, type ExitHistory } from '../src/engine/exit-history.js';
import { decideExit, type EngineRecord, type ExitEvent, type LastRun } from '../src/engine/exit-reason.js';
import { EngineEvent, InspectedContainer } from '../src/engine/shapes.js';
import { toInspected } from '../src/engine/to-container.js';

/** An inspection of a container on a real engine, and the engine's events about it. */
interface CapturedExit {
  inspect: object;
  events: { Actor: { ID: string } }[];
}

const loadExits = (engine: string): Record<string, CapturedExit> =>
  JSON.parse(readFileSync(new URL(`fixtures/exits/${engine}.json`, import.meta.url), 'utf8')) as never;

function recordEvents(history: ExitHistory, { events }: CapturedExit): void {
  for (const event of events) history.record(parseEvent(JSON.stringify(event))!);
}

/** Returns the exit of a captured container as `code reason`, or null if the container has no exit. */
function decideCaptured(engine: string, captured: CapturedExit, hasEvents = true): string | null {
  const history = createExitHistory();
  history.setEngineName(engine.startsWith('docker') ? 'Docker' : 'Podman');
  if (hasEvents) recordEvents(history, captured);
  const { run } = toInspected(InspectedContainer.parse(captured.inspect));
  const exit = history.decide(captured.events[0]?.Actor.ID ?? 'none', run!);
  return exit && `${exit.code} ${exit.reason}`;
}

/** The exits that were captured on Docker 26.1 and 29.7. */
const NEWER_DOCKER = {
  exit0: '0 completed',
  exit3: '3 crashed',
  healthexit: '0 completed',
  // The `stop` event precedes `die`.
  ignores: '137 stopped',
  killed: '137 stopped',
  oom: '137 oom',
  onfailure: '9 crashed',
  restarting: '7 crashed',
  stopping: null,
  badcmd: '127 failed_to_start',
  portclash: '128 failed_to_start',
};

describe.each([
  [
    'docker-20.10',
    {
      exit0: '0 completed',
      exit5: '5 crashed',
      // A shell was started, but the command inside it does not exist.
      exit127: '127 crashed',
      // A file that is not a program. This version of runc starts it, and it exits with code 1.
      execfmt: '1 crashed',
      self143: '143 unknown',
      // `docker stop` of three processes: one ignores SIGTERM, one exits with code 5, and one exits with code 0.
      ign: '137 stopped',
      trap5: '5 stopped',
      trap0: '0 stopped',
      // `docker stop` with the image's StopSignal SIGUSR2.
      usr2: '7 stopped',
      killed: '137 stopped',
      // SIGHUP reloads the process. A second later, a signal that is not a request to stop makes the process exit.
      hup: '3 crashed',
      hupdie: null,
      // Killed by another program of the host.
      hostkill: '137 unknown',
      oom: '137 oom',
      oomchild: null,
      onfail: '9 crashed',
      restarting: '7 crashed',
      badcmd: '127 failed_to_start',
      port2: '128 failed_to_start',
      // A clean stop of the engine.
      'engine-stopped': '137 stopped',
      'engine-stopped-exit0': '0 stopped',
      // The engine, its shims and the container were killed. The events are from the previous run.
      'power-cut': '255 unknown',
      'power-cut-trap0': '255 unknown',
    },
  ],
  ['docker-26.1', NEWER_DOCKER],
  ['docker-29.7', NEWER_DOCKER],
  [
    'podman-4.3',
    {
      exit0: '0 completed',
      exit5: '5 unknown',
      exit127: '127 unknown',
      execfmt: '1 unknown',
      self143: '143 unknown',
      // `podman stop`. Neither an event nor the inspection shows the stop in this version.
      ign: '137 unknown',
      trap5: '5 unknown',
      apistop: '5 unknown',
      // `podman kill`. The event has no signal, but the exit code is that of SIGKILL.
      killed: '137 stopped',
      trap5k: '5 unknown',
      hup: null,
      // The process exited after 1,000 s, long after the last event was captured.
      hupdie: '0 completed',
      // This version does not report why a start failed.
      badcmd: null,
    },
  ],
  [
    'podman-5.4',
    {
      exit0: '0 completed',
      exit3: '3 unknown',
      healthexit: '0 completed',
      ignores: '137 stopped',
      killed: '137 stopped',
      oom: '137 oom',
      onfailure: '9 unknown',
      restarting: '7 unknown',
      stopping: null,
      badcmd: '0 failed_to_start',
      portclash: '0 failed_to_start',
    },
  ],
] as [string, Record<string, string | null>][])('the exits of real containers of %s', (engine, expected) => {
  const captured = loadExits(engine);

  test('have the right reasons, from their inspections and events', () => {
    const decided = Object.fromEntries(
      Object.entries(captured).map(([name, each]) => [name, decideCaptured(engine, each)]),
    );
    expect(decided).toEqual(expected);
  });

  test('have an unknown cause without their events, unless the inspection shows the cause', () => {
    for (const each of Object.values(captured)) {
      const exit = decideCaptured(engine, each, false);
      expect(String(exit)).toMatch(/^(null|0 completed|[1-9]\d* unknown|137 oom|\d+ failed_to_start)$/);
    }
  });
});

const SECOND = 1_000;
const STARTED_AT = Date.parse('2026-11-30T10:00:00Z');
/** The process exits a minute after its start. */
const ENDED_AT = STARTED_AT + 60 * SECOND;
const RUN: LastRun = {
  isRunning: false,
  startedAtMs: STARTED_AT,
  finishedAtMs: ENDED_AT,
  exitCode: 1,
  oomKilled: false,
  error: '',
  stopSignal: '',
  stopTimeoutMs: 10 * SECOND,
};
const DOCKER: EngineRecord = { reportsStops: true, absences: [] };
const PODMAN: EngineRecord = { reportsStops: false, absences: [] };
const DIE: ExitEvent = { action: 'die', atMs: ENDED_AT, signal: null };
/** Returns a `kill` event that precedes the exit by `beforeMs` milliseconds. */
const kill = (signal: string | null, beforeMs = 100): ExitEvent => ({
  action: 'kill',
  atMs: ENDED_AT - beforeMs,
  signal,
});
const stop = (beforeMs: number): ExitEvent => ({ action: 'stop', atMs: ENDED_AT - beforeMs, signal: null });
const reasonOf = (run: Partial<LastRun>, events: ExitEvent[], engine = DOCKER): string | undefined =>
  decideExit({ ...RUN, ...run }, events, engine)?.reason;

test.each([
  ['15', 'stopped'],
  ['SIGTERM', 'stopped'],
  ['2', 'stopped'],
  ['QUIT', 'stopped'],
  ['9', 'stopped'],
  // SIGUSR1 is the container's StopSignal.
  ['10', 'stopped'],
  ['1', 'crashed'],
  ['SIGHUP', 'crashed'],
  ['12', 'crashed'],
  ['', 'crashed'],
])('after a kill event with the signal %j, an exit with code 1 is %s', (signal, reason) => {
  expect(reasonOf({ stopSignal: 'SIGUSR1' }, [kill(signal), DIE])).toBe(reason);
});

test('a kill event counts if the container exits within StopTimeout plus ten seconds', () => {
  expect(reasonOf({}, [kill('15', 20 * SECOND), DIE])).toBe('stopped');
  expect(reasonOf({}, [kill('15', 20 * SECOND + 1), DIE])).toBe('crashed');
  expect(reasonOf({ stopTimeoutMs: 30 * SECOND }, [kill('15', 40 * SECOND), DIE])).toBe('stopped');
});

test('a stop event counts until two seconds after the exit', () => {
  expect(reasonOf({}, [DIE, stop(-2 * SECOND)])).toBe('stopped');
  expect(reasonOf({}, [DIE, stop(-2 * SECOND - 1)])).toBe('crashed');
});

test('events of an earlier run do not count', () => {
  const run = { startedAtMs: ENDED_AT - 50 };
  const earlier = { atMs: ENDED_AT - 100, signal: null };
  expect(reasonOf(run, [kill('15'), { ...earlier, action: 'die' }, stop(90), DIE])).toBe('crashed');
  expect(reasonOf(run, [{ ...earlier, action: 'oom' }, DIE])).toBe('crashed');
  expect(reasonOf(run, [{ ...earlier, action: 'die' }])).toBe('unknown');
});

test('an exit because memory ran out is oom, even if someone requested a stop', () => {
  expect(reasonOf({ oomKilled: true }, [kill('9'), DIE])).toBe('oom');
  expect(reasonOf({ exitCode: 137 }, [{ action: 'oom', atMs: ENDED_AT - 50, signal: null }, DIE])).toBe('oom');
});

test('a container with an error and no start time is failed_to_start, with any exit code', () => {
  const error = 'Bind for 0.0.0.0:8080 failed: port is already allocated';
  for (const exitCode of [0, 127, 128]) {
    expect(decideExit({ ...RUN, startedAtMs: null, finishedAtMs: null, exitCode, error }, [], DOCKER)).toEqual({
      code: exitCode,
      reason: 'failed_to_start',
      error,
      finishedAt: null,
    });
  }
  expect(decideExit({ ...RUN, startedAtMs: null, exitCode: 0 }, [], DOCKER)).toBeNull();
  expect(decideExit({ ...RUN, exitCode: 127, error }, [DIE], DOCKER)).toMatchObject({ reason: 'crashed', error: '' });
});

test.each([137, 143, 255])('an exit with code %d is unknown without an event that shows the cause', (exitCode) => {
  expect(reasonOf({ exitCode }, [DIE])).toBe('unknown');
});

test('an exit without events is unknown, unless the code is 0 and the engine was reachable at that time', () => {
  expect(reasonOf({ exitCode: 3 }, [])).toBe('unknown');
  expect(reasonOf({ exitCode: 0 }, [])).toBe('completed');
  const away = { ...DOCKER, absences: [{ fromMs: ENDED_AT - SECOND, toMs: ENDED_AT + SECOND }] };
  expect(reasonOf({ exitCode: 0 }, [], away)).toBe('unknown');
  expect(reasonOf({ exitCode: 0 }, [DIE], away)).toBe('completed');
  expect(reasonOf({ exitCode: 0 }, [kill('15'), DIE], away)).toBe('stopped');
  // Podman after a restart of the host.
  expect(reasonOf({ exitCode: 0, finishedAtMs: null }, [], PODMAN)).toBe('unknown');
});

test('if the engine does not report stops, an exit code other than 0 has an unknown cause', () => {
  expect(reasonOf({ exitCode: 5 }, [DIE], PODMAN)).toBe('unknown');
  expect(reasonOf({ exitCode: 0 }, [DIE], PODMAN)).toBe('completed');
  expect(reasonOf({ exitCode: 5 }, [stop(100), DIE], PODMAN)).toBe('stopped');
  expect(reasonOf({ exitCode: 143 }, [kill(null), DIE], PODMAN)).toBe('stopped');
  expect(reasonOf({ exitCode: 129 }, [kill(null), DIE], PODMAN)).toBe('unknown');
});

describe('the history of exits', () => {
  const line = (Action: string, id: string, seconds: number): string =>
    JSON.stringify({ Type: 'container', Action, Actor: { ID: id }, time: STARTED_AT / SECOND + seconds });
  const record = (history: ExitHistory, ...args: Parameters<typeof line>): boolean =>
    history.record(parseEvent(line(...args))!);

  test('reports a possible change of the reason only for a new event after the exit', () => {
    const history = createExitHistory();
    expect(record(history, 'oom', 'c', 58)).toBe(false);
    expect(record(history, 'die', 'c', 60)).toBe(false);
    expect(record(history, 'stop', 'c', 61)).toBe(true);
    expect(record(history, 'stop', 'c', 61)).toBe(false);
    expect(record(history, 'pause', 'c', 62)).toBe(false);
    expect(history.decide('c', RUN)?.reason).toBe('oom');
  });

  test('keeps the last eight events of a container, the last `oom`, and the events of existing containers', () => {
    const history = createExitHistory();
    record(history, 'oom', 'c', 10);
    for (let second = 11; second < 18; second++) record(history, 'kill', 'c', second);
    expect(history.decide('c', RUN)?.reason).toBe('oom');
    for (let second = 18; second < 30; second++) record(history, 'kill', 'c', second);
    expect(history.decide('c', RUN)?.reason).toBe('oom');
    history.keepOnly(new Set(['c']));
    expect(history.decide('c', RUN)?.reason).toBe('oom');
    history.keepOnly(new Set());
    // The list can be older than the container.
    expect(history.decide('c', RUN)?.reason).toBe('oom');
    history.keepOnly(new Set());
    expect(history.decide('c', RUN)?.reason).toBe('unknown');
  });

  test('ignores a container’s label `signal`, which engines copy to the attributes of events', () => {
    const event = { Action: 'kill', Actor: { ID: 'c', Attributes: { signal: 'x'.repeat(17) } } };
    expect(EngineEvent.parse(event).Actor.Attributes.signal).toBeUndefined();
  });
});
