/**
 * Rate-limits a repeated log message. Calls `log` at most once per `intervalMs`, with the number of occurrences since
 * the last call.
 */
export function logThrottle(intervalMs: number, elapsedMs: () => number): (log: (times: number) => void) => void {
  let times = 0;
  let loggedAtMs = -Infinity;
  return (log) => {
    times += 1;
    if (elapsedMs() - loggedAtMs < intervalMs) return;
    log(times);
    loggedAtMs = elapsedMs();
    times = 0;
  };
}
