import type { Cadence } from '@muster/contracts';
import type { Metrics } from './metrics.js';
import { counts } from './summary.js';

/** Where progress is shown: in one line of a terminal that is rewritten, or as a line every few seconds. */
export interface ProgressOutput {
  isTerminal: boolean;
  /** Returns the columns of the terminal. */
  columns: () => number;
  write: (text: string) => void;
}

/** What a line of progress shows in addition to the metrics. The counts are those since the previous line. */
export interface ProgressState {
  phase: string;
  enrolled: number;
  hosts: number;
  cadence: Cadence | null;
  seconds: number;
  snapshots: number;
  heartbeats: number;
}

const TERMINAL_MS = 500;
const LINES_MS = 5_000;

/** Shows progress until it is stopped. `enter` names what the run is doing from now on. */
export function showProgress(
  { isTerminal, columns, write }: ProgressOutput,
  metrics: Metrics,
  fleet: () => Pick<ProgressState, 'enrolled' | 'hosts' | 'cadence'>,
): { enter: (phase: string) => void; stop: () => void } {
  let phase = 'running';
  const read = () => ({
    seconds: performance.now() / 1_000,
    snapshots: metrics.calls.snapshot.latencies.count,
    heartbeats: metrics.calls.heartbeat.latencies.count,
  });
  let before = read();

  function show(): void {
    const now = read();
    const seconds = now.seconds - before.seconds;
    const snapshots = now.snapshots - before.snapshots;
    const heartbeats = now.heartbeats - before.heartbeats;
    const line = progressLine(metrics, { ...fleet(), phase, seconds, snapshots, heartbeats });
    before = now;
    metrics.recent.reset();
    write(isTerminal ? `\r\x1b[K${line.slice(0, Math.max(20, columns() - 1))}` : `${line}\n`);
  }

  const timer = setInterval(show, isTerminal ? TERMINAL_MS : LINES_MS);
  return {
    enter(newPhase) {
      phase = newPhase;
      show();
    },
    stop() {
      clearInterval(timer);
      if (isTerminal) write('\r\x1b[K');
    },
  };
}

export function progressLine({ recent, statuses, failures, retries }: Metrics, state: ProgressState): string {
  const { phase, enrolled, hosts, cadence, seconds, snapshots, heartbeats } = state;
  const errors = Object.fromEntries([...[...statuses].filter(([status]) => status >= 300), ...failures]);
  const [p50, p99] = [50, 99].map((percent) => (recent.percentile(percent) / 1_000).toFixed(0));
  return [
    phase,
    `${enrolled}/${hosts} hosts`,
    `${(snapshots / seconds).toFixed(0)} snapshots/s`,
    `${(heartbeats / seconds).toFixed(0)} heartbeats/s`,
    `p50 ${p50} p99 ${p99} ms`,
    `errors ${counts(errors)}`,
    `retries ${retries}`,
    cadence === null ? 'no cadence yet' : `cadence ${cadence.heartbeatSeconds}/${cadence.snapshotSeconds} s`,
  ].join(' · ');
}
