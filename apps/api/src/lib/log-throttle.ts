/**
 * Rate-limits a repeated log message: calls back at most once per `intervalMs`, with the number of occurrences since
 * the last call.
 */
export function seldom(intervalMs: number, elapsedMs: () => number): (say: (times: number) => void) => void {
  let times = 0;
  let saidAtMs = -Infinity;
  return (say) => {
    times += 1;
    if (elapsedMs() - saidAtMs < intervalMs) return;
    say(times);
    saidAtMs = elapsedMs();
    times = 0;
  };
}
