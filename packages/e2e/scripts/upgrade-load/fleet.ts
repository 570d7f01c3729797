/** A fleet that keeps reporting while the server is replaced. */
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { HeartbeatResponse, SyncSummary } from '@muster/contracts';
import {
  advance,
  AgentSession,
  createLatencies,
  heartbeatRequest,
  latencyOf,
  NO_PROGRESS,
  recordLatency,
  simulateHost,
  snapshotRequest,
  type SeededHost,
} from '@muster/fleet';
import { eventually } from '@muster/testkit';
import { BrokenCallError, type Call, type Http } from '@muster/testkit/http';

/** The length of the intervals in which snapshots are counted. */
const SLICE_MS = 10_000;
/**
 * The values of the real agent: the maximum share by which jitter shortens an interval, and the limits of the backoff.
 */
const JITTER = 0.1;
const BACKOFF_MS = { min: 1_000, max: 60_000 };
/**
 * CPU time that the first snapshot of a host takes on a busy machine, in ms. The hosts start at this interval or more
 * slowly.
 */
const FIRST_SNAPSHOT_MS = 40;
const REPORT_ALL_MS_MAX = 600_000;

export interface FleetOptions {
  hosts: readonly SeededHost[];
  containers: number;
  /** The share of the hosts whose status text is different in each snapshot. */
  aged: number;
  cadence: { heartbeatSeconds: number; snapshotSeconds: number };
  /** Returns the server for the next request. */
  server: () => Http;
}

/** Counts of the responses that the fleet received since `takeCounts` was called. */
class Counts {
  readonly startedAt = performance.now();
  heartbeats = 0;
  /** Heartbeats whose response required a snapshot. */
  required = 0;
  /** Snapshots per interval of `SLICE_MS`. */
  readonly snapshots: number[] = [];
  /** Snapshots per interval that got a new digest although the host had sent the same bytes before. */
  readonly renewals: number[] = [];
  /** Snapshots that were not applied. */
  notApplied = 0;
  /** Responses with a status other than 200 and calls without a response, by status or error code. */
  readonly failures: Record<string, number> = {};
  readonly latencies = { heartbeat: createLatencies(), snapshot: createLatencies() };

  add(perSlice: number[]): void {
    const slice = Math.floor((performance.now() - this.startedAt) / SLICE_MS);
    for (let each = perSlice.length; each <= slice; each++) perSlice.push(0);
    perSlice[slice]! += 1;
  }
}

/** Starts the hosts one after another. */
export function startFleet({ hosts, containers, aged, cadence, server }: FleetOptions) {
  const startedAt = performance.now();
  const rampMs = Math.max(cadence.snapshotSeconds * 1_000, FIRST_SNAPSHOT_MS * hosts.length);
  const reported = new Set<string>();
  let counts = new Counts();
  let isStopped = false;
  /** The number of calls of `spread`. */
  let round = 0;

  const jittered = (seconds: number) => seconds * 1_000 * (1 - JITTER * Math.random());

  /** Returns a response with status 200; otherwise the milliseconds until the next attempt. */
  async function send<T>(kind: 'heartbeat' | 'snapshot', call: Call, failures: number): Promise<T | number> {
    let retryAfterMs = 0;
    let outcome: string;
    try {
      const { status, ms, text, headers } = await server().send(call);
      recordLatency(counts.latencies[kind], ms);
      if (status === 200) return JSON.parse(text) as T;
      outcome = String(status);
      retryAfterMs = Number(headers['retry-after'] ?? 0) * 1_000;
    } catch (error) {
      if (!(error instanceof BrokenCallError)) throw error;
      outcome = error.code;
    }
    counts.failures[outcome] = (counts.failures[outcome] ?? 0) + 1;
    return retryAfterMs + Math.random() * Math.min(BACKOFF_MS.max, BACKOFF_MS.min * 2 ** failures);
  }

  async function run({ id, token }: SeededHost, index: number): Promise<void> {
    const session = new AgentSession(id, token);
    const host = simulateHost({ seed: 1, index, containers, mix: 'varied' }, { remember: false });
    const isAging = index < aged * hosts.length;
    let progress = NO_PROGRESS;
    let body: Buffer | null = null;
    let digest: string | null = null;
    let failures = 0;
    let ownRound = round;
    let snapshotAt = startedAt + (rampMs * index) / hosts.length;
    let heartbeatAt = Infinity;

    async function sendSnapshot(): Promise<number | null> {
      const isNewBody = body === null || isAging;
      if (isNewBody) {
        progress = advance(progress, 'aged', 1);
        body = gzipSync(JSON.stringify(host.snapshot(progress)), { level: 3 });
      }
      const answer = await send<SyncSummary>('snapshot', snapshotRequest(session, body!, { gzip: true }), failures);
      if (typeof answer === 'number') return answer;
      counts.add(counts.snapshots);
      if (!isNewBody && answer.digest !== digest) counts.add(counts.renewals);
      if (!answer.applied) counts.notApplied += 1;
      ({ digest } = answer);
      reported.add(id);
      snapshotAt = performance.now() + jittered(cadence.snapshotSeconds);
      return null;
    }

    async function sendHeartbeat(): Promise<number | null> {
      const answer = await send<HeartbeatResponse>('heartbeat', heartbeatRequest(session, digest), failures);
      if (typeof answer === 'number') return answer;
      counts.heartbeats += 1;
      if (!answer.snapshotRequired) return null;
      counts.required += 1;
      snapshotAt = performance.now();
      return null;
    }

    for (;;) {
      await sleep(Math.max(0, Math.min(snapshotAt, heartbeatAt) - performance.now()));
      if (isStopped) return;
      if (ownRound !== round) {
        ownRound = round;
        snapshotAt = performance.now() + Math.random() * cadence.snapshotSeconds * 1_000;
        continue;
      }
      const retryMs = await (snapshotAt <= heartbeatAt ? sendSnapshot() : sendHeartbeat());
      const now = performance.now();
      failures = retryMs === null ? 0 : failures + 1;
      heartbeatAt = now + (retryMs ?? jittered(cadence.heartbeatSeconds));
      if (retryMs !== null) snapshotAt = Math.max(snapshotAt, heartbeatAt);
    }
  }

  const runs = Promise.all(hosts.map(run));
  return {
    /**
     * Spreads the next snapshots evenly over the interval. Without this, all of them would be due at the same time
     * after a long outage.
     */
    spread(): void {
      round += 1;
    },
    /** Resolves when each host has sent another snapshot. @throws if that takes more than ten minutes. */
    async reportAll(): Promise<void> {
      reported.clear();
      const check = () => {
        if (reported.size < hosts.length) throw new Error(`only ${reported.size} hosts have sent a snapshot`);
      };
      await eventually(check, REPORT_ALL_MS_MAX, 1_000);
    },
    /** Returns what the fleet received since the last call. Latencies are [p50, p99, longest] in ms. */
    takeCounts() {
      const { startedAt: _startedAt, latencies, ...rest } = counts;
      counts = new Counts();
      const [heartbeatMs, snapshotMs] = [latencies.heartbeat, latencies.snapshot].map((each) => {
        const { p50, p99, max } = latencyOf(each);
        return [p50, p99, max].map(Math.round);
      });
      return { ...rest, heartbeatMs, snapshotMs };
    },
    async stop(): Promise<void> {
      isStopped = true;
      await runs;
    },
  };
}
