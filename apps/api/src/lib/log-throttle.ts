/**
 * Rate-limits a repeated log message: calls back at most once per `intervalMs`, with the number of occurrences since
 * the last call.
 */
export function logThrottle(intervalMs: number, elapsedMs: () => number): (log: (times: number) => void) => void {
  let times = 0;
  let loggedAtMs = -Infinity;
  return (say) => {
    times += 1;
    if (elapsedMs() - loggedAtMs < intervalMs) return;
    say(times);
    loggedAtMs = elapsedMs();
    times = 0;
  };
}
