/** Service level: how many snapshots a second each way of writing them to the same database manages. */
import { performance } from 'node:perf_hooks';
import type { Bench } from '../bench.js';
import type { BenchDatabase } from '../cluster.js';
import type { SeededHost } from '@muster/fleet';
import { pairedRatio, spread, type Spread } from '@muster/testkit/report';
import { CONTENDER_IDS, type Contender, type ContenderId, type Delivery } from '../contenders/contender.js';
import { createMuster } from '../contenders/muster.js';
import { createPrismaUpserts } from '../contenders/prisma-upserts.js';
import { createRowByRow } from '../contenders/row-by-row.js';
import { createSetBased } from '../contenders/set-based.js';
import { ownCpuMs } from '../measure/cpu.js';
import type { Change } from '../plan.js';
import { verifyHost } from '../verify.js';
import { advance, NO_PROGRESS, simulateHost, touchesOfPercent, type SimulatedHost } from '../workload.js';

/** What one contender did in one case. */
export interface ContenderFigures {
  contender: ContenderId;
  snapshotsPerSecond: Spread;
  /** CPU milliseconds a snapshot, over all rounds: this process, and PostgreSQL's. */
  nodeCpuMs: number;
  postgresCpuMs: number;
  snapshots: number;
}

/** One case: a size, a change and a number of snapshots under way at once. */
export interface ServiceCell extends Change {
  containers: number;
  concurrency: number;
  figures: ContenderFigures[];
  /** Muster's rate over each other's, of paired rounds. */
  ratios: Partial<Record<ContenderId, Spread>>;
}

export interface ServiceResult {
  hosts: number;
  cells: ServiceCell[];
}

/** Rows that one contender's hosts have together, at most. */
const ROWS_MAX = 20_000;

/** Containers that may be prepared ahead of a measurement. */
const PREPARED_MAX = 100_000;

/** The hosts of one contender. */
interface Lane {
  contender: Contender;
  hosts: Host[];
  /** The host whose turn it is. */
  next: number;
}

interface Host {
  seeded: SeededHost;
  simulated: SimulatedHost;
  progress: typeof NO_PROGRESS;
  sequence: number;
}

interface Turn {
  snapshots: number;
  ms: number;
  nodeCpuMs: number;
  postgresCpuMs: number;
}

/** Runs the section. @throws VerificationError if a contender's rows are not the snapshots. */
export async function runService(bench: Bench): Promise<ServiceResult> {
  const { sizes, hosts } = bench.plan.service;
  const database = await bench.cluster.createDatabase('bench_service');
  const contenders = await openContenders(database.url);
  const cells: ServiceCell[] = [];
  try {
    for (const containers of sizes) cells.push(...(await runSize(bench, database, contenders, containers)));
  } finally {
    await Promise.all(contenders.map((contender) => contender.close()));
    await database.close();
  }
  return { hosts, cells };
}

async function openContenders(url: string): Promise<Contender[]> {
  return [
    await createPrismaUpserts(url),
    createRowByRow(url),
    createSetBased(url, { history: false }),
    createSetBased(url, { history: true }),
    await createMuster(url),
  ];
}

async function runSize(
  bench: Bench,
  database: BenchDatabase,
  contenders: readonly Contender[],
  containers: number,
): Promise<ServiceCell[]> {
  const { seed, service } = bench.plan;
  const count = Math.max(4, Math.min(service.hosts, Math.floor(ROWS_MAX / containers)));
  await database.removeHosts();
  const lanes: Lane[] = [];
  for (const contender of contenders) {
    const seeded = await database.addHosts(`${contender.id}-${containers}`, count);
    const hosts = seeded.map((host, index) => ({
      seeded: host,
      simulated: simulateHost({ seed, index, containers, mix: 'running' }),
      progress: NO_PROGRESS,
      sequence: 0,
    }));
    lanes.push({ contender, hosts, next: 0 });
  }
  await firstSnapshots(lanes, contenders);

  const cells: ServiceCell[] = [];
  for (const concurrency of service.concurrencies) {
    for (const change of service.changes) {
      await database.settle();
      const cell = await runCell(bench, lanes, containers, change, concurrency);
      cells.push(cell);
      bench.progress(`service: ${containers} containers, ${change.percent} % ${change.kind}, ${concurrency} at once`);
    }
  }
  await verifyLanes(database, lanes);
  return cells;
}

/** Each host's first snapshot. The slow ones' rows are made by the fast statement: they are the same. */
async function firstSnapshots(lanes: readonly Lane[], contenders: readonly Contender[]): Promise<void> {
  const fast = contenders.find(({ id }) => id === 'statement')!;
  for (const { contender, hosts } of lanes) {
    const loader = contender.id === 'muster' ? contender : fast;
    for (const host of hosts) await loader.deliver(nextDelivery(host, { kind: 'none', percent: 0 }, true));
  }
}

async function runCell(
  bench: Bench,
  lanes: readonly Lane[],
  containers: number,
  change: Change,
  concurrency: number,
): Promise<ServiceCell> {
  const turns = new Map<ContenderId, Turn[]>(lanes.map(({ contender }) => [contender.id, []]));
  for (let round = 0; round <= bench.plan.rounds; round++) {
    for (const lane of lanes) {
      bench.signal.throwIfAborted();
      if (round > roundsOf(lane.contender.id, containers, change, concurrency, bench.plan.rounds)) continue;
      const turn = await takeTurn(bench, lane, change, concurrency);
      // The first round warms up: caches, prepared statements, the compiler.
      if (round > 0) turns.get(lane.contender.id)!.push(turn);
    }
  }
  const rates = (id: ContenderId) => turns.get(id)!.map(({ snapshots, ms }) => (1_000 * snapshots) / ms);
  const ratios: ServiceCell['ratios'] = {};
  for (const id of CONTENDER_IDS) {
    const ratio = id === 'muster' ? null : pairedRatio(rates('muster'), rates(id));
    if (ratio !== null) ratios[id] = ratio;
  }
  const figures = [...turns].filter(([, taken]) => taken.length > 0).map(([id, taken]) => summarize(id, taken));
  return { ...change, containers, concurrency, figures, ratios };
}

/**
 * How many rounds a contender takes part in after the first, -1 for not even that. The obvious way needs seconds for one
 * large snapshot, whatever changed in it.
 */
function roundsOf(id: ContenderId, containers: number, { kind }: Change, concurrency: number, rounds: number): number {
  if (id !== 'upserts' || containers <= 50) return rounds;
  if (containers <= 200) return Math.min(rounds, 3);
  if (concurrency > 1 || kind !== 'restarted') return -1;
  return Math.min(rounds, containers <= 1_000 ? 2 : 1);
}

/**
 * Lets a contender work for about `turnMs`. Snapshots are prepared in batches before the clock runs, each batch as
 * large as the rest of the turn seems to need.
 */
async function takeTurn(bench: Bench, lane: Lane, change: Change, concurrency: number): Promise<Turn> {
  const { turnMs } = bench.plan.service;
  const turn: Turn = { snapshots: 0, ms: 0, nodeCpuMs: 0, postgresCpuMs: 0 };
  const { containers } = lane.hosts[0]!.simulated.shape;
  let size = concurrency;
  while (turn.ms < turnMs) {
    const queues = prepare(lane, change, concurrency, size);
    const before = { node: ownCpuMs(), postgres: bench.cluster.cpuMs() };
    const startedAt = performance.now();
    await Promise.all(
      queues.map(async (queue) => {
        for (const delivery of queue) await lane.contender.deliver(delivery);
      }),
    );
    turn.ms += performance.now() - startedAt;
    turn.nodeCpuMs += ownCpuMs() - before.node;
    turn.postgresCpuMs += bench.cluster.cpuMs() - before.postgres;
    turn.snapshots += size;
    const wanted = Math.ceil(((turnMs - turn.ms) * turn.snapshots) / turn.ms / concurrency) * concurrency;
    size = Math.max(concurrency, Math.min(wanted, Math.floor(PREPARED_MAX / containers / concurrency) * concurrency));
  }
  return turn;
}

/** `size` snapshots in as many queues as run at once; all of one host's are in one queue, in their order. */
function prepare(lane: Lane, change: Change, concurrency: number, size: number): Delivery[][] {
  const queues: Delivery[][] = Array.from({ length: concurrency }, () => []);
  for (let i = 0; i < size; i++) {
    const index = lane.next++ % lane.hosts.length;
    queues[index % concurrency]!.push(nextDelivery(lane.hosts[index]!, change));
  }
  return queues;
}

function nextDelivery(host: Host, { kind, percent }: Change, first = false): Delivery {
  const { simulated, seeded } = host;
  host.progress = advance(host.progress, kind, touchesOfPercent(percent, simulated.shape.containers));
  host.sequence += 1;
  const containers = simulated.snapshot(host.progress);
  return {
    ...{ hostId: seeded.id, containers, body: Buffer.from(JSON.stringify(containers)) },
    ...{ changed: first || percent > 0, stream: seeded.stream, sequence: host.sequence, observedAt: new Date() },
  };
}

function summarize(contender: ContenderId, turns: readonly Turn[]): ContenderFigures {
  const sum = (of: (turn: Turn) => number) => turns.reduce((total, turn) => total + of(turn), 0);
  const snapshots = sum((turn) => turn.snapshots);
  return {
    contender,
    snapshotsPerSecond: spread(turns.map((turn) => (1_000 * turn.snapshots) / turn.ms)),
    nodeCpuMs: sum((turn) => turn.nodeCpuMs) / snapshots,
    postgresCpuMs: sum((turn) => turn.postgresCpuMs) / snapshots,
    snapshots,
  };
}

/** Has one host of each lane lose a container and get another, and then checks every row of every host. */
async function verifyLanes(database: BenchDatabase, lanes: readonly Lane[]): Promise<void> {
  for (const { contender, hosts } of lanes) {
    const host = hosts[0]!;
    host.progress = { ...host.progress, absent: 1, added: 1 };
    await contender.deliver({ ...nextDelivery(host, { kind: 'none', percent: 0 }), changed: true });
    for (const { seeded, simulated, progress } of hosts) {
      await verifyHost(database.pool, contender.id, seeded.id, simulated, progress);
    }
  }
}
