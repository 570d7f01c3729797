/**
 * Says what happens often only now and then: at most once in `intervalMs`, with how many times it happened since it was
 * said before.
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
