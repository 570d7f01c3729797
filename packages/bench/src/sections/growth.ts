/** Growth: the cost of ingest and reads with one hundred, one thousand and ten thousand hosts. */
import { pairedRatio } from '@muster/testkit/report';
import type { Bench } from '../plan.js';
import { EVERY_HOST_ONCE, withMeasuredFleets, type MeasuredFleet } from '../measured-fleet.js';
import { summarizeTurns, takeRounds, type LoadFigures } from '../measure/turn.js';
import { measureReads, readsOf } from './reads.js';

/** Before the measurement, every tenth host removes three containers, so that the table also contains removed rows. */
const REMOVAL = { kind: 'removal', absent: 3, every: 10 } as const;

/** Maximum number of hosts per fleet whose rows are verified at the end. */
const VERIFIED_HOSTS_MAX = 200;

/** Runs the section. @throws VerificationError, or ProgramError if a request failed. */
export function runGrowth(bench: Bench) {
  const { cluster, plan, progress } = bench;
  const { sizes, containers, connections, turnMs } = plan.growth;
  return withMeasuredFleets(bench, async (start) => {
    const fleets: MeasuredFleet[] = [];
    for (const hosts of sizes) {
      const name = `growth_${hosts}`;
      const database = await cluster.createDatabase(`bench_${name}`);
      const fleet = await start({ name, database, hosts, containers, mix: 'varied' });
      await fleet.send({ ...EVERY_HOST_ONCE, traffic: REMOVAL });
      await database.settle();
      progress(`growth: ${hosts} hosts reported (${Math.round(fleet.first.ms / 1_000)} s)`);
      fleets.push(fleet);
    }
    const load = { connections, traffic: { kind: 'mix' }, until: { durationMs: turnMs } } as const;
    const turns = await takeRounds(plan.rounds, fleets, (fleet, round) => {
      progress(`growth: ingest with ${fleet.hosts.length} hosts, round ${round} of ${plan.rounds}`);
      return fleet.measure(load);
    });
    const results: Awaited<ReturnType<typeof finish>>[] = [];
    for (const [fleet, measured] of turns) results.push(await finish(bench, fleet, summarizeTurns(measured)));
    const rates = [...turns.values()].map((measured) => measured.map(({ perSecond }) => perSecond));
    // The ingest rate with the most hosts divided by the rate with the fewest hosts, in each round.
    const rateOfMostOverFewest = rates.length < 2 ? null : pairedRatio(rates.at(-1)!, rates[0]!);
    return { containers, connections, sizes: results, rateOfMostOverFewest };
  });
}

/** Measures reads, and returns the figures of one fleet. */
async function finish({ plan, progress }: Bench, fleet: MeasuredFleet, ingest: LoadFigures) {
  const { database, server, hosts, first } = fleet;
  await database.settle();
  const reads = await readsOf(database.pool);
  await server.call('loop');
  const figures = await measureReads(server, reads, plan.growth);
  const after = await server.call('loop');
  const table = await database.first<{ rows: number; bytes: number }>(
    `SELECT count(*)::int AS rows, pg_total_relation_size('containers')::float8 AS bytes FROM containers`,
  );
  await fleet.verify(VERIFIED_HOSTS_MAX);
  progress(`growth: reads with ${hosts.length} hosts`);
  return {
    hosts: hosts.length,
    /** The number of container rows, including removed containers, and the bytes of their table and its indexes. */
    ...table,
    /** The rate of the first snapshots, which filled the database. */
    firstSnapshotsPerSecond: (1_000 * first.ok) / first.ms,
    ingest,
    reads: figures,
    /** The event loop and the memory of the API's process, measured during the reads. */
    readEventLoopMs: after.eventLoop,
    rssBytes: after.rssBytes,
  };
}
