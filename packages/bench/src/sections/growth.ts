/** Growth: what ingest and reads cost with a hundred hosts, with a thousand and with ten thousand. */
import type { Bench } from '../bench.js';
import type { BenchDatabase } from '../cluster.js';
import type { SeededHost } from '@muster/fleet';
import { pairedRatio, type Spread } from '@muster/testkit/report';
import { startGenerator, type LoadGenerator } from '../load/client.js';
import { measureTurn, summarizeTurns, type LoadFigures, type LoadTurn } from '../measure/turn.js';
import { startServer, type ServerProcess } from '../program.js';
import { verifyHost } from '../verify.js';
import { simulateHost } from '../workload.js';
import { everyHostOnce, newAdminKey, serverEnv } from './http.js';
import { measureReads, readsOf, type ReadFigures } from './reads.js';

export interface GrowthSize {
  hosts: number;
  /** Rows of containers, removed ones among them, and bytes of their table and its indexes. */
  rows: number;
  bytes: number;
  /** First snapshots a second, by which the database was filled. */
  firstSnapshotsPerSecond: number;
  ingest: LoadFigures;
  reads: ReadFigures[];
  /** Of the API's process while it answered the reads. */
  readEventLoopMs: { p99: number; max: number };
  rssBytes: number;
}

export interface GrowthResult {
  containers: number;
  connections: number;
  sizes: GrowthSize[];
  /** The rate of ingest with the most hosts over that with the fewest, of paired rounds. */
  rateOfMostOverFewest: Spread | null;
}

/** One fleet, with a database and an API process of its own. */
interface Lane {
  name: string;
  database: BenchDatabase;
  server: ServerProcess;
  key: string;
  hosts: SeededHost[];
  firstSnapshotsPerSecond: number;
  turns: LoadTurn[];
}

/** Containers that every tenth host loses before anything is measured, so that there are removed ones to be found. */
const REMOVAL = { kind: 'removal', absent: 3, every: 10 } as const;

/** Hosts of each fleet whose rows are checked at the end. */
const VERIFIED_MAX = 200;

/** Runs the section. @throws VerificationError, or ProgramError if a request failed. */
export async function runGrowth(bench: Bench): Promise<GrowthResult> {
  const { plan, signal, progress } = bench;
  const { sizes, containers, connections, turnMs } = plan.growth;
  const generator = startGenerator(signal);
  const lanes: Lane[] = [];
  try {
    for (const size of sizes) lanes.push(await openLane(bench, generator, size));
    // All sizes in each round, so that a slow moment of the machine is one for each of them.
    for (let round = 0; round <= plan.rounds; round++) {
      for (const { name, server, database, turns } of lanes) {
        signal.throwIfAborted();
        const parts = { cluster: bench.cluster, database, generator, server, idleWalBytesPerSecond: 0 };
        const extent = { durationMs: turnMs };
        const turn = await measureTurn(parts, { fleet: name, connections, traffic: { kind: 'mix' }, extent });
        if (round > 0) turns.push(turn);
      }
      progress(`growth: ingest, round ${round} of ${plan.rounds}`);
    }
    const results: GrowthSize[] = [];
    for (const lane of lanes) results.push(await finishLane(bench, generator, lane));
    const rates = (lane: Lane) => lane.turns.map(({ perSecond }) => perSecond);
    const rateOfMostOverFewest = lanes.length < 2 ? null : pairedRatio(rates(lanes.at(-1)!), rates(lanes[0]!));
    return { containers, connections, sizes: results, rateOfMostOverFewest };
  } finally {
    await Promise.all([generator.stop(), ...lanes.map(({ server }) => server.stop())]);
    await Promise.all(lanes.map(({ database }) => database.close()));
  }
}

async function openLane({ cluster, plan, progress }: Bench, generator: LoadGenerator, size: number): Promise<Lane> {
  const name = `growth_${size}`;
  const database = await cluster.createDatabase(`bench_${name}`);
  const key = newAdminKey();
  const hosts = await database.addHosts(name, size);
  const server = await startServer('muster', serverEnv(database.url, key));
  await generator.fleet(name, { hosts, seed: plan.seed, containers: plan.growth.containers, mix: 'varied' });
  // Filled as it would be in production: by what the hosts say.
  const first = await generator.load({ ...everyHostOnce(name), port: server.port });
  await generator.load({ ...everyHostOnce(name), traffic: REMOVAL, port: server.port });
  await database.settle();
  const firstSnapshotsPerSecond = (1_000 * first.requests) / first.ms;
  progress(`growth: ${size} hosts are there (${Math.round(first.ms / 1_000)} s)`);
  return { name, database, server, key, hosts, firstSnapshotsPerSecond, turns: [] };
}

async function finishLane(
  { plan, signal, progress }: Bench,
  generator: LoadGenerator,
  lane: Lane,
): Promise<GrowthSize> {
  const { name, database, server, key, hosts, firstSnapshotsPerSecond, turns } = lane;
  await database.settle();
  const reads = await readsOf(database.pool);
  await server.read();
  const figures = await measureReads(server.port, key, reads, plan.growth, signal);
  const after = await server.read();
  const { rows } = await database.pool.query<{ rows: number; bytes: string }>(
    `SELECT count(*)::int AS rows, pg_total_relation_size('containers') AS bytes FROM containers`,
  );
  await generator.load({ ...everyHostOnce(name), port: server.port });
  for (const [index, progress] of (await generator.progress(name)).entries()) {
    if (index >= VERIFIED_MAX) break;
    const simulated = simulateHost({ seed: plan.seed, index, containers: plan.growth.containers, mix: 'varied' });
    await verifyHost(database.pool, name, hosts[index]!.id, simulated, progress);
  }
  progress(`growth: reads with ${hosts.length} hosts`);
  return {
    ...{ hosts: hosts.length, rows: rows[0]!.rows, bytes: Number(rows[0]!.bytes), firstSnapshotsPerSecond },
    ...{ ingest: summarizeTurns(turns), reads: figures, readEventLoopMs: after.eventLoop, rssBytes: after.rssBytes },
  };
}
