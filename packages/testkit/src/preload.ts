/**
 * Loaded into a program's process before the program (`node --import`). Measures the process and sets its wall clock, at
 * the request of the process that started it, over the IPC channel. Ends the process when that channel closes.
 */
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { ownCpuMs } from './proc.js';

export type PreloadRequest =
  { ask: 'loop'; resolutionMs: number } | { ask: 'hold' } | { ask: 'clock'; aheadMs: number };

/** What a process used since the last request, or since its start. */
export interface LoopReading {
  /** CPU time of all threads since the start of the process, in ms. */
  cpuMs: number;
  rssBytes: number;
  /** Delays of timers in the event loop, in ms, measured from the first request on. */
  eventLoop: { p99: number; max: number };
}

/** The longest delay of a turn of the event loop, in ms. */
export interface Hold {
  /** CPU time of all threads during the delay, at most the delay itself. In the rest, other processes ran. */
  busyMs: number;
}

/** The variable with the milliseconds by which the wall clock is ahead at the start. The monotonic clock is unaffected. */
const CLOCK_VARIABLE = 'MUSTER_TEST_CLOCK_AHEAD_MS';
const TICK_MS = 5;

process.on('message', (request: PreloadRequest) => process.send?.(answer(request)));
process.on('disconnect', () => process.exit());
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
let longest: Hold | null = null;

function answer(request: PreloadRequest): LoopReading | Hold | object {
  if (request.ask === 'clock') return { aheadMs: (aheadMs = request.aheadMs) };
  return request.ask === 'loop' ? readLoop(request.resolutionMs) : readHold();
}

function readLoop(nextResolutionMs: number): LoopReading {
  // The histogram's values include the interval itself.
  const delay = (nanoseconds = 0) => Math.max(0, nanoseconds / 1e6 - (delays?.resolutionMs ?? 0));
  const p99 = delay(delays?.histogram.percentile(99));
  const max = delay(delays?.histogram.max);
  delays?.histogram.disable();
  delays = { histogram: monitorEventLoopDelay({ resolution: nextResolutionMs }), resolutionMs: nextResolutionMs };
  delays.histogram.enable();
  return { cpuMs: ownCpuMs(), rssBytes: process.memoryUsage.rss(), eventLoop: { p99, max } };
}

function readHold(): Hold {
  const hold = longest ?? { busyMs: 0 };
  if (longest === null) startTicking();
  longest = { busyMs: 0 };
  return hold;
}

function startTicking(): void {
  let last = { wallMs: performance.now(), cpuMs: ownCpuMs() };
  setInterval(() => {
    const tick = { wallMs: performance.now(), cpuMs: ownCpuMs() };
    const delayMs = tick.wallMs - last.wallMs - TICK_MS;
    const busyMs = Math.min(delayMs, tick.cpuMs - last.cpuMs);
    longest = { busyMs: Math.max(longest?.busyMs ?? 0, busyMs) };
    last = tick;
  }, TICK_MS).unref();
}
