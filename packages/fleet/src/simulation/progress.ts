import type { Cadence } from '@muster/contracts';
import type { Metrics } from './metrics.js';
import { formatCounts } from './summary.js';

const INTERVAL_MS = 5_000;

/** Writes a progress line every five seconds until it is stopped. `enter` starts the next phase of the run. */
export function showProgress(
  write: (line: string) => void,
  metrics: Metrics,
  fleet: () => { enrolled: number; hosts: number; cadence: Cadence | null },
) {
  let phase = 'running';
  let shownAtMs = performance.now();
  const show = () => {
    const seconds = (performance.now() - shownAtMs) / 1_000;
    write(progressLine(metrics, { ...fleet(), phase, seconds }));
    shownAtMs += seconds * 1_000;
    metrics.recent.latencies.reset();
    metrics.recent.counts.clear();
  };
  const timer = setInterval(show, INTERVAL_MS);
  return {
    enter(newPhase: string): void {
      phase = newPhase;
      show();
    },
    stop: () => clearInterval(timer),
  };
}

/** `seconds` is the time since the previous line. */
export function progressLine(
  { recent, statuses, failures, retries }: Metrics,
  state: ReturnType<Parameters<typeof showProgress>[2]> & { phase: string; seconds: number },
): string {
  const { phase, enrolled, hosts, cadence, seconds } = state;
  const errors = [...[...statuses].filter(([status]) => status >= 300), ...failures];
  const [p50, p99] = [50, 99].map((percent) => (recent.latencies.percentile(percent) / 1_000).toFixed(0));
  const rates = (['snapshot', 'heartbeat'] as const).map(
    (kind) => `${((recent.counts.get(kind) ?? 0) / seconds).toFixed(0)} ${kind}s/s`,
  );
  return [
    ...[phase, `${enrolled}/${hosts} hosts`, ...rates, `p50 ${p50} p99 ${p99} ms`],
    ...[`errors ${formatCounts(Object.fromEntries(errors))}`, `retries ${retries}`],
    cadence === null ? 'no cadence yet' : `cadence ${cadence.heartbeatSeconds}/${cadence.snapshotSeconds} s`,
  ].join(' · ');
}
