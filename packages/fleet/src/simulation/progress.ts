import type { Cadence } from '@muster/contracts';
import type { Metrics } from './metrics.js';
import { counts } from './summary.js';

/** Where progress is shown: one line that is rewritten on a terminal, else a line now and then. */
export interface ProgressOutput {
  isTerminal: boolean;
  /** Columns of the terminal, where it is one. */
  columns: () => number;
  write: (text: string) => void;
}

/** Shows what a run is at. */
export interface Progress {
  /** Says what is being done now, besides what is counted. */
  phase(text: string): void;
  stop(): void;
}

const TERMINAL_MS = 500;
const LINES_MS = 5_000;

/** Begins to show the progress, until it is stopped. */
export function showProgress(
  output: ProgressOutput,
  watched: { metrics: Metrics; enrolled: () => number; hosts: number; cadence: () => Cadence | null },
): Progress {
  const { metrics } = watched;
  let current = 'running';
  let sinceMs = performance.now();
  let before = { snapshots: 0, heartbeats: 0 };
  const isOnOneLine = output.isTerminal;

  function line(): string {
    const nowMs = performance.now();
    const seconds = (nowMs - sinceMs) / 1_000;
    sinceMs = nowMs;
    const now = { snapshots: metrics.calls.snapshot.answered, heartbeats: metrics.calls.heartbeat.answered };
    const text = progressLine({
      ...{ phase: current, enrolled: watched.enrolled(), hosts: watched.hosts, cadence: watched.cadence(), metrics },
      snapshotsPerSecond: (now.snapshots - before.snapshots) / seconds,
      heartbeatsPerSecond: (now.heartbeats - before.heartbeats) / seconds,
    });
    before = now;
    metrics.recentMs.clear();
    return text;
  }

  function show(): void {
    if (!isOnOneLine) output.write(`${line()}\n`);
    else output.write(`\r\x1b[K${line().slice(0, Math.max(20, output.columns() - 1))}`);
  }

  const timer = setInterval(show, isOnOneLine ? TERMINAL_MS : LINES_MS);
  return {
    phase(text) {
      current = text;
      show();
    },
    stop() {
      clearInterval(timer);
      if (isOnOneLine) output.write('\r\x1b[K');
    },
  };
}

/** One line of progress. */
export function progressLine(state: {
  phase: string;
  enrolled: number;
  hosts: number;
  cadence: Cadence | null;
  snapshotsPerSecond: number;
  heartbeatsPerSecond: number;
  metrics: Metrics;
}): string {
  const { phase, enrolled, hosts, cadence, snapshotsPerSecond, heartbeatsPerSecond, metrics } = state;
  const recent = metrics.recentMs;
  const bad = Object.fromEntries([
    ...[...metrics.statuses].filter(([status]) => status >= 300),
    ...[...metrics.failures],
  ]);
  return [
    phase,
    `${enrolled}/${hosts} hosts`,
    `${snapshotsPerSecond.toFixed(0)} snapshots/s`,
    `${heartbeatsPerSecond.toFixed(0)} heartbeats/s`,
    `p50 ${recent.quantile(0.5).toFixed(0)} p99 ${recent.quantile(0.99).toFixed(0)} ms`,
    `errors ${counts(bad)}`,
    `retries ${metrics.retries}`,
    cadence === null ? 'no cadence yet' : `cadence ${cadence.heartbeatSeconds}/${cadence.snapshotSeconds} s`,
  ].join(' · ');
}
