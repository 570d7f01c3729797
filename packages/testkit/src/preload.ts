/**
 * A module that `node --import` loads into a process before the main program. Over the IPC channel, the parent process
 * can request measurements and set the process's wall clock. When the channel closes, the process exits.
 */
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { ownCpuMs } from './proc.js';
import { serveCalls } from './ipc.js';

/**
 * The environment variable with the milliseconds by which the wall clock is ahead. The monotonic clock is not affected.
 */
const CLOCK_VARIABLE = 'MUSTER_TEST_CLOCK_AHEAD_MS';
const TICK_MS = 5;

const ipcHandlers = {
  loop: readLoop,
  longestBlockMs: readLongestBlock,
  /** Sets the process's wall clock this far ahead of the system clock. */
  setClockAhead: (ms: number): void => void (aheadMs = ms),
};
export type PreloadHandlers = typeof ipcHandlers;

serveCalls(ipcHandlers);
process.channel?.unref();

const SystemDate = Date;
let aheadMs = Number(process.env[CLOCK_VARIABLE] ?? 0);
const now = () => SystemDate.now() + aheadMs;
if (process.env[CLOCK_VARIABLE] !== undefined) {
  globalThis.Date = new Proxy(SystemDate, {
    get: (target, name, receiver) => (name === 'now' ? now : (Reflect.get(target, name, receiver) as unknown)),
    apply: () => new SystemDate(now()).toString(),
    construct: (target, args: unknown[], newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
  });
}

let delays: { histogram: IntervalHistogram; resolutionMs: number } | null = null;
let longestBlockMs: number | null = null;

/**
 * Returns the CPU time of all threads, the memory, and the event loop's delays since the last call. Times are in ms.
 * Until the next call, delays are measured at intervals of `nextResolutionMs`.
 */
function readLoop(nextResolutionMs = TICK_MS) {
  // The histogram contains the times between two timer events, so the interval is subtracted.
  const delay = (nanoseconds = 0) => Math.max(0, nanoseconds / 1e6 - (delays?.resolutionMs ?? 0));
  const p99 = delay(delays?.histogram.percentile(99));
  const max = delay(delays?.histogram.max);
  delays?.histogram.disable();
  delays = { histogram: monitorEventLoopDelay({ resolution: nextResolutionMs }), resolutionMs: nextResolutionMs };
  delays.histogram.enable();
  return { cpuMs: ownCpuMs(), rssBytes: process.memoryUsage.rss(), eventLoop: { p99, max } };
}

/**
 * Returns the CPU time, in ms, of the turn that blocked the event loop longest since the last call. The first call
 * starts the measurement.
 */
function readLongestBlock(): number {
  if (longestBlockMs === null) startTicking();
  const readMs = longestBlockMs ?? 0;
  longestBlockMs = 0;
  return readMs;
}

function startTicking(): void {
  let last = { wallMs: performance.now(), cpuMs: ownCpuMs() };
  setInterval(() => {
    const tick = { wallMs: performance.now(), cpuMs: ownCpuMs() };
    const delayMs = tick.wallMs - last.wallMs - TICK_MS;
    // For the rest of the delay, other processes used the CPU, and the thread did not run.
    const busyMs = Math.min(delayMs, tick.cpuMs - last.cpuMs);
    longestBlockMs = Math.max(longestBlockMs ?? 0, busyMs);
    last = tick;
  }, TICK_MS).unref();
}
