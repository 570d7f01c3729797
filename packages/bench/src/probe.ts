/**
 * Loaded into a server's process before the server itself (`node --import`): tells over the IPC channel what only the
 * process knows of itself, so that no server needs to be changed to be measured. Ends the process when whoever
 * started it is gone.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** What a process is asked; the answer tells of the time since it was last asked. */
export interface ProbeRequest {
  /** Of the event-loop delays until the next question, in ms: finer costs the process more. */
  resolutionMs: number;
}

export interface ProbeReading {
  /** CPU time of all its threads since it began, in ms. */
  cpuMs: number;
  rssBytes: number;
  /** How much later than asked for the event loop ran a timer, in ms, to the resolution. */
  eventLoop: { p99: number; max: number };
}

let resolutionMs = 10;
let delays = start();

process.on('message', (request: ProbeRequest) => {
  const { user, system } = process.cpuUsage();
  // The histogram counts the interval itself, too.
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolutionMs);
  const reading: ProbeReading = {
    cpuMs: (user + system) / 1_000,
    rssBytes: process.memoryUsage.rss(),
    eventLoop: { p99: late(delays.percentile(99)), max: late(delays.max) },
  };
  delays.disable();
  resolutionMs = request.resolutionMs;
  delays = start();
  process.send?.(reading);
});
// Whoever measures has gone: so would a server that nobody would end.
process.on('disconnect', () => process.exit());
// Being asked is no reason to live on.
process.channel?.unref();

function start() {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  return histogram;
}
