/**
 * The load generator: a process of its own, which is told over the IPC channel what to send and tells what came back.
 * Each connection speaks for hosts of its own, so that what one host says arrives in order.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { ownCpuMs } from '../measure/cpu.js';
import { type Answer, type Connection, openConnection } from '@muster/fleet';
import { seededRandom } from '@muster/testkit/random';
import { latency, type Latency } from '@muster/testkit/report';
import type { HostProgress } from '../workload.js';
import { createFleet, type FleetHost, type FleetShape, type Traffic } from './fleet.js';

/** Until when load is sent: for a time, as fast as it is answered or at a pace, or so often by each host. */
export type Extent = { durationMs: number; perSecond?: number } | { perHost: number };

export interface LoadRequest {
  fleet: string;
  port: number;
  connections: number;
  traffic: Traffic;
  extent: Extent;
}

export interface LoadResult {
  /** Requests that were answered with 200. */
  requests: number;
  /** Requests that the server was too busy for (503). They count as none. */
  unavailable: number;
  /** Answers other than the one that was to be expected, and the first of them. */
  failed: number;
  firstFailure: string | null;
  ms: number;
  latencyMs: Latency;
  /** CPU time that making the load took, in ms. */
  cpuMs: number;
}

/** What the generator is asked, and answers. */
export type GeneratorRequest =
  | { ask: 'fleet'; fleet: string; shape: FleetShape }
  | ({ ask: 'load' } & LoadRequest)
  | { ask: 'progress'; fleet: string };
export type GeneratorAnswer = { error: string } | { result: LoadResult | HostProgress[] | null };

const UNAVAILABLE = 503;

const fleets = new Map<string, FleetHost[]>();

process.on('message', (request: GeneratorRequest) => {
  answer(request).then(
    (result) => process.send?.({ result } satisfies GeneratorAnswer),
    (error: unknown) => process.send?.({ error: String(error) } satisfies GeneratorAnswer),
  );
});
// The channel is this process's whole purpose: without it, it ends.
process.on('disconnect', () => process.exit());

async function answer(request: GeneratorRequest): Promise<LoadResult | HostProgress[] | null> {
  switch (request.ask) {
    case 'fleet':
      fleets.set(request.fleet, createFleet(request.shape));
      return null;
    case 'load':
      return load(request);
    case 'progress':
      return fleetOf(request.fleet).map(({ progress }) => progress);
  }
}

function fleetOf(name: string): FleetHost[] {
  const fleet = fleets.get(name);
  if (fleet === undefined) throw new Error(`there is no fleet ${name}`);
  return fleet;
}

async function load({ fleet, port, connections, traffic, extent }: LoadRequest): Promise<LoadResult> {
  const hosts = speakersOf(fleetOf(fleet), traffic);
  const count = Math.min(connections, hosts.length);
  const open = await Promise.all(Array.from({ length: count }, () => openConnection(port)));
  const latencies: number[] = [];
  const failures: string[] = [];
  let failed = 0;
  let unavailable = 0;

  const cpuBefore = ownCpuMs();
  const startedAt = performance.now();
  const deadline = 'durationMs' in extent ? startedAt + extent.durationMs : Infinity;
  const perHost = 'perHost' in extent ? extent.perHost : Infinity;
  const perSecond = 'perSecond' in extent ? extent.perSecond : undefined;
  // Each connection takes its turn in the whole pace.
  const intervalMs = perSecond === undefined ? 0 : (1_000 * count) / perSecond;

  const speakFor = async (connection: Connection, own: readonly FleetHost[], seed: number): Promise<void> => {
    const random = seededRandom(seed);
    let dueAt = startedAt + (intervalMs * seed) / count;
    for (let pass = 0; pass < perHost; pass++) {
      for (const host of own) {
        // Who is late for its turn has waited, and that counts; that a timer is late does not.
        const isLate = intervalMs > 0 && performance.now() > dueAt;
        if (!isLate && intervalMs > 0) await sleep(dueAt - performance.now());
        if (performance.now() >= deadline) return;
        const request = host.next(traffic, random());
        const sentAt = isLate ? dueAt : performance.now();
        dueAt += intervalMs;
        const answer = await connection.send(request);
        if (answer.status === UNAVAILABLE) {
          unavailable += 1;
          continue;
        }
        latencies.push(performance.now() - sentAt);
        const failure = take(host, answer);
        if (failure !== null) {
          failed += 1;
          if (failures.length === 0) failures.push(failure);
        }
      }
    }
  };
  try {
    await Promise.all(
      open.map((connection, i) =>
        speakFor(
          connection,
          hosts.filter((_, index) => index % count === i),
          i + 1,
        ),
      ),
    );
  } finally {
    for (const connection of open) connection.close();
  }
  return {
    ...{ requests: latencies.length, unavailable, failed, firstFailure: failures[0] ?? null },
    ...{ ms: performance.now() - startedAt, latencyMs: latency(latencies), cpuMs: ownCpuMs() - cpuBefore },
  };
}

/** The hosts that have something to say. */
const speakersOf = (fleet: readonly FleetHost[], traffic: Traffic): readonly FleetHost[] =>
  traffic.kind === 'removal' ? fleet.filter((_, index) => index % traffic.every === 0) : fleet;

/** Why an answer is not the one that was to be expected; else null. */
function take(host: FleetHost, { status, body }: Answer): string | null {
  if (status !== 200) return `${status} ${body.toString().slice(0, 500)}`;
  const answer = JSON.parse(body.toString('latin1')) as {
    digest?: string | null;
    applied?: boolean;
    snapshotRequired?: boolean;
  };
  if (answer.digest !== undefined) host.learn(answer.digest);
  return answer.applied === false || answer.snapshotRequired === true ? body.toString().slice(0, 500) : null;
}
