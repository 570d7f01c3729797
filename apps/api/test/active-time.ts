const TICK_MS = 10;

/**
 * Starts to measure time. Returns a function that returns the milliseconds since then, except for those in which this
 * process did not run. On a busy machine, a process can stand still for seconds.
 */
export function measureActiveTime(): () => number {
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), TICK_MS);
  return () => {
    clearInterval(timer);
    return ticks * TICK_MS;
  };
}
