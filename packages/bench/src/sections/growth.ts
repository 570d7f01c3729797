/** Growth: what ingest and reads cost with one hundred, one thousand and ten thousand hosts. */
import { pairedRatio, type Spread } from '@muster/testkit/report';
import type { Bench } from '../plan.js';
import { EVERY_HOST_ONCE, withLanes, type Lane } from '../measured-fleet.js';
import { summarizeTurns, takeRounds, type LoadFigures } from '../measure/turn.js';
import { measureReads, readsOf, type ReadFigures } from './reads.js';

/** The figures of one fleet. */
export interface GrowthSize {
  hosts: number;
  /** Container rows including removed ones, and the bytes of their table and indexes. */
  rows: number;
  bytes: number;
  /** First snapshots per second, which filled the database. */
  firstSnapshotsPerSecond: number;
  ingest: LoadFigures;
  reads: ReadFigures[];
  /** Of the API's process during the reads. */
  readEventLoopMs: { p99: number; max: number };
  rssBytes: number;
}

export interface GrowthResult {
  containers: number;
  connections: number;
  sizes: GrowthSize[];
  /** The ingest rate with the most hosts over the rate with the fewest, in paired rounds. */
  rateOfMostOverFewest: Spread | null;
}

/** Containers that every tenth host loses before the measurement, so that there are removed rows. */
const REMOVAL = { kind: 'removal', absent: 3, every: 10 } as const;

/** Hosts of each fleet whose rows are verified at the end. */
const VERIFIED_MAX = 200;

/** Runs the section. @throws VerificationError, or ProgramError if a request failed. */
export function runGrowth(bench: Bench): Promise<GrowthResult> {
  const { cluster, plan, progress } = bench;
  const { sizes, containers, connections, turnMs } = plan.growth;
  return withLanes(bench, async (open) => {
    const lanes: Lane[] = [];
    for (const hosts of sizes) {
      const name = `growth_${hosts}`;
      const database = await cluster.createDatabase(`bench_${name}`);
      const lane = await open({ name, database, hosts, containers, mix: 'varied' });
      await lane.send({ ...EVERY_HOST_ONCE, traffic: REMOVAL });
      await database.settle();
      progress(`growth: ${hosts} hosts reported (${Math.round(lane.first.ms / 1_000)} s)`);
      lanes.push(lane);
    }
    const load = { connections, traffic: { kind: 'mix' }, until: { durationMs: turnMs } } as const;
    const turns = await takeRounds(bench, lanes, (lane, round) => {
      progress(`growth: ingest with ${lane.hosts.length} hosts, round ${round} of ${plan.rounds}`);
      return lane.measure(load);
    });
    const results: GrowthSize[] = [];
    for (const [lane, measured] of turns) results.push(await finish(bench, lane, summarizeTurns(measured)));
    const rates = [...turns.values()].map((measured) => measured.map(({ perSecond }) => perSecond));
    const rateOfMostOverFewest = rates.length < 2 ? null : pairedRatio(rates.at(-1)!, rates[0]!);
    return { containers, connections, sizes: results, rateOfMostOverFewest };
  });
}

async function finish({ plan, signal, progress }: Bench, lane: Lane, ingest: LoadFigures): Promise<GrowthSize> {
  const { database, server, hosts, first } = lane;
  await database.settle();
  const reads = await readsOf(database.pool);
  await server.loop();
  const figures = await measureReads(server.port, server.adminKey, reads, plan.growth, signal);
  const after = await server.loop();
  const { rows } = await database.pool.query<{ rows: number; bytes: string }>(
    `SELECT count(*)::int AS rows, pg_total_relation_size('containers') AS bytes FROM containers`,
  );
  await lane.verify(VERIFIED_MAX);
  progress(`growth: reads with ${hosts.length} hosts`);
  return {
    hosts: hosts.length,
    rows: rows[0]!.rows,
    bytes: Number(rows[0]!.bytes),
    firstSnapshotsPerSecond: (1_000 * first.ok) / first.ms,
    ingest,
    reads: figures,
    readEventLoopMs: after.eventLoop,
    rssBytes: after.rssBytes,
  };
}
