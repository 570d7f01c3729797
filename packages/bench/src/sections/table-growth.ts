/** Table growth: how much tables grow through snapshots without changes. */
import type { Bench } from '../plan.js';
import type { BenchDatabase } from '../cluster.js';
import { withLanes } from '../measured-fleet.js';

/** The bytes of both tables, including their indexes. */
export interface TableBytes {
  hosts: number;
  containers: number;
}

export interface TableGrowthResult {
  hosts: number;
  containers: number;
  snapshotsPerHost: number;
  snapshotsPerSecond: number;
  before: TableBytes;
  after: TableBytes;
}

/** Runs the section. @throws VerificationError, or ProgramError if a request failed. */
export function runTableGrowth(bench: Bench): Promise<TableGrowthResult> {
  const { hosts, containers, connections, snapshotsPerHost } = bench.plan.tableGrowth;
  return withLanes(bench, async (open) => {
    const database = await bench.cluster.createDatabase('bench_tables');
    const lane = await open({ name: 'tables', database, hosts, containers, mix: 'varied' });
    await database.settle();
    const before = await tableBytes(database);
    const until = { perHost: snapshotsPerHost };
    const { ok, ms } = await lane.send({ connections, traffic: { kind: 'unchanged' }, until });
    const after = await tableBytes(database);
    await lane.verify();
    bench.progress(`table growth: ${ok} unchanged snapshots`);
    return { hosts, containers, snapshotsPerHost, snapshotsPerSecond: (1_000 * ok) / ms, before, after };
  });
}

async function tableBytes({ pool }: BenchDatabase): Promise<TableBytes> {
  const { rows } = await pool.query<Record<keyof TableBytes, string>>(
    `SELECT pg_total_relation_size('hosts') AS hosts, pg_total_relation_size('containers') AS containers`,
  );
  return { hosts: Number(rows[0]!.hosts), containers: Number(rows[0]!.containers) };
}
