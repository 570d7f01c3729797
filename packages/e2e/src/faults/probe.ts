/**
 * Loaded into the API's process before the API itself (`node --import`): tells over the IPC channel how long its event
 * loop was held, so that the API needs not be changed to be measured. Ends the process when whoever started it is gone.
 */

export interface ProbeRequest {
  ask: 'holds';
}

/** The longest times between two turns of the event loop that should have been `TICK_MS` apart, in ms. */
export interface Holds {
  /**
   * CPU time that the process had in between, all threads together: no more than this can have been our doing. What
   * is beyond it, the machine gave to others.
   */
  busyMs: number;
  wallMs: number;
}

const TICK_MS = 5;

let longest: Holds = { busyMs: 0, wallMs: 0 };
let last = look();

const timer = setInterval(() => {
  const now = look();
  const wallMs = now.wallMs - last.wallMs - TICK_MS;
  const busyMs = Math.min(wallMs, now.cpuMs - last.cpuMs);
  longest = { busyMs: Math.max(longest.busyMs, busyMs), wallMs: Math.max(longest.wallMs, wallMs) };
  last = now;
}, TICK_MS);
// Measuring is no reason to live on, and neither is being asked.
timer.unref();
process.channel?.unref();

process.on('message', ({ ask }: ProbeRequest | { ask: string }) => {
  if (ask !== 'holds') return;
  process.send?.(longest);
  longest = { busyMs: 0, wallMs: 0 };
});
process.on('disconnect', () => process.exit());

function look(): { wallMs: number; cpuMs: number } {
  const { user, system } = process.cpuUsage();
  return { wallMs: performance.now(), cpuMs: (user + system) / 1_000 };
}
