/** Table growth: how much tables grow through snapshots without changes. */
import type { Bench } from '../plan.js';
import type { BenchDatabase } from '../cluster.js';
import { withMeasuredFleets } from '../measured-fleet.js';

/** Runs the section. @throws VerificationError, or ProgramError if a request failed. */
export function runTableGrowth(bench: Bench) {
  const { hosts, containers, connections, snapshotsPerHost } = bench.plan.tableGrowth;
  return withMeasuredFleets(bench, async (start) => {
    const database = await bench.cluster.createDatabase('bench_tables');
    const fleet = await start({ name: 'tables', database, hosts, containers, mix: 'varied' });
    await database.settle();
    const before = await tableBytes(database);
    const until = { perHost: snapshotsPerHost };
    const { ok, ms } = await fleet.send({ connections, traffic: { kind: 'unchanged' }, until });
    const after = await tableBytes(database);
    await fleet.verify();
    bench.progress(`table growth: ${ok} unchanged snapshots`);
    return { hosts, containers, snapshotsPerHost, snapshotsPerSecond: (1_000 * ok) / ms, before, after };
  });
}

/** Returns the bytes of the tables `hosts` and `containers`, including their indexes. */
const tableBytes = ({ first }: BenchDatabase) =>
  first<{ hosts: number; containers: number }>(
    `SELECT pg_total_relation_size('hosts')::float8 AS hosts,
       pg_total_relation_size('containers')::float8 AS containers`,
  );
