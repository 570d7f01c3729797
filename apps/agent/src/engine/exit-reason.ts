import type { ContainerExit, ExitReason } from '@muster/contracts';

/** The last run of a container, as an inspection reports it. Times are in milliseconds since 1970. */
export interface LastRun {
  /** True while the container's process runs. */
  isRunning: boolean;
  /** Null if the engine never started the container. */
  startedAtMs: number | null;
  /** Null if the container's process has not exited, or the engine does not know when it exited. */
  finishedAtMs: number | null;
  exitCode: number | null;
  oomKilled: boolean;
  /** The engine's message about a failure, such as a port conflict; empty if there is none. */
  error: string;
  /**
   * The signal that `docker stop` sends, according to the container's configuration; empty for the default, SIGTERM.
   */
  stopSignal: string;
  /** How long `docker stop` waits before it kills the container. */
  stopTimeoutMs: number;
}

/** An event that can show why a container's process exited. */
export interface ExitEvent {
  action: 'kill' | 'stop' | 'die' | 'oom';
  /** The engine's time, in milliseconds since 1970. */
  atMs: number;
  /** The signal of a `kill` event, such as `15` or `SIGTERM`; null if the engine does not report it (Podman). */
  signal: string | null;
}

/** What is known about the engine itself. */
export interface EngineRecord {
  /**
   * Whether the engine sends an event for every stop request. Docker does. Podman often does not, so with Podman, a
   * non-zero exit code may come from a stop.
   */
  reportsStops: boolean;
  /** The last periods in which the engine could not be reached, in milliseconds since 1970. */
  absences: readonly { fromMs: number; toMs: number }[];
}

/**
 * The signals with which a process is asked to exit, and their numbers. SIGHUP is not among them, because it usually
 * means a reload.
 */
const STOPPING_SIGNALS: Readonly<Record<string, number>> = { TERM: 15, INT: 2, QUIT: 3, KILL: 9 };

/**
 * Numbers of the other signals that images use as `StopSignal`. The numbers are the same on all Linux architectures
 * that Docker supports.
 */
const OTHER_SIGNALS: Readonly<Record<string, number>> = {
  HUP: 1,
  ABRT: 6,
  USR1: 10,
  USR2: 12,
  ALRM: 14,
  WINCH: 28,
  PWR: 30,
};

/** How long a stop can take beyond the container's own timeout, in milliseconds. */
const STOP_MARGIN_MS = 10_000;

/** How long after `die` a `stop` or `kill` can still arrive, in milliseconds. */
const LATE_EVENT_MS_MAX = 2_000;

/** The exit codes of a process that was ended by SIGKILL or SIGTERM. */
const KILLED_CODES: ReadonlySet<number> = new Set([128 + 9, 128 + 15]);

/**
 * The exit code that Docker gives a container if Docker lost track of the container's process when the host or the
 * engine was restarted.
 */
const LOST_CODE = 255;

/**
 * Decides why a container's process exited. Returns null while the process runs, and for a container that was never
 * started and has no error. The first rule that matches wins:
 *
 * 1. `failed_to_start`: the engine never started the container, and reports an error.
 * 2. `oom`: the engine reports that memory ran out.
 * 3. `stopped`: an event shows that a stop was requested.
 * 4. `unknown`: nothing shows the cause.
 * 5. `completed`: the code is 0.
 * 6. `crashed`: any other code.
 *
 * `events` are the container's events, in any order.
 */
export function decideExit(run: LastRun, events: readonly ExitEvent[], engine: EngineRecord): ContainerExit | null {
  if (run.isRunning) return null;
  const { startedAtMs, finishedAtMs, exitCode: code } = run;
  if (startedAtMs === null) {
    return run.error === '' ? null : { code, reason: 'failed_to_start', error: run.error, finishedAt: null };
  }
  const own = events.filter(({ atMs }) => atMs >= startedAtMs);
  const reason = decideReason({ ...run, startedAtMs }, own, engine);
  return { code, reason, error: '', finishedAt: finishedAtMs === null ? null : new Date(finishedAtMs).toISOString() };
}

type EndedRun = LastRun & { startedAtMs: number };

/** `events` are the events since the start. */
function decideReason(run: EndedRun, events: readonly ExitEvent[], engine: EngineRecord): ExitReason {
  const died = events.findLast(({ action }) => action === 'die');
  if (run.oomKilled || events.some(({ action }) => action === 'oom')) return 'oom';
  if (isStopRequested(run, events, died?.atMs ?? run.finishedAtMs)) return 'stopped';
  if (isCauseUnknown(run, died !== undefined, engine)) return 'unknown';
  return run.exitCode === 0 ? 'completed' : 'crashed';
}

function isStopRequested(run: EndedRun, events: readonly ExitEvent[], endedAtMs: number | null): boolean {
  if (endedAtMs === null) return false;
  const fromMs = endedAtMs - run.stopTimeoutMs - STOP_MARGIN_MS;
  return events.some(({ action, atMs, signal }) => {
    if (atMs < fromMs || atMs > endedAtMs + LATE_EVENT_MS_MAX) return false;
    return action === 'stop' || (action === 'kill' && isStoppingSignal(signal, run));
  });
}

/**
 * Returns whether a signal asks a container to exit. If the engine does not report the signal, the exit code shows it.
 */
function isStoppingSignal(signal: string | null, { stopSignal, exitCode }: EndedRun): boolean {
  const stopping = [...Object.values(STOPPING_SIGNALS), toSignalNumber(stopSignal)];
  if (signal === null) return exitCode !== null && stopping.includes(exitCode - 128);
  return stopping.includes(toSignalNumber(signal) ?? Number.NaN);
}

/** Converts `15`, `TERM` or `SIGTERM` to 15. Returns null for an empty or unknown name. */
function toSignalNumber(signal: string): number | null {
  if (/^\d+$/.test(signal)) return Number(signal);
  const name = signal.toUpperCase().replace(/^SIG/, '');
  const realTime = /^RTMIN\+(\d{1,2})$/.exec(name);
  if (realTime !== null) return 34 + Number(realTime[1]);
  return { ...STOPPING_SIGNALS, ...OTHER_SIGNALS }[name] ?? null;
}

function isCauseUnknown(
  { startedAtMs, finishedAtMs, exitCode }: EndedRun,
  hasDieEvent: boolean,
  { reportsStops, absences }: EngineRecord,
): boolean {
  if (exitCode === null || exitCode === LOST_CODE || KILLED_CODES.has(exitCode)) return true;
  if (hasDieEvent) return exitCode !== 0 && !reportsStops;
  if (exitCode !== 0) return true;
  // If a restart of the host ended a container, Podman keeps reporting exit code 0 and an old exit time.
  if (finishedAtMs === null || finishedAtMs < startedAtMs - LATE_EVENT_MS_MAX) return true;
  return absences.some(
    ({ fromMs, toMs }) => finishedAtMs >= fromMs - LATE_EVENT_MS_MAX && finishedAtMs <= toMs + LATE_EVENT_MS_MAX,
  );
}
