/** Table growth: what is left behind by snapshots in which nothing changed. */
import type { Bench } from '../bench.js';
import type { BenchDatabase } from '../cluster.js';
import { startGenerator } from '../load/client.js';
import { startServer } from '../program.js';
import { verifyHost } from '../verify.js';
import { simulateHost } from '../workload.js';
import { everyHostOnce, serverEnv } from './http.js';

/** Bytes of tables with their indexes. */
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
export async function runTableGrowth({ cluster, plan, signal, progress }: Bench): Promise<TableGrowthResult> {
  const { hosts, containers, connections, snapshotsPerHost } = plan.tableGrowth;
  const database = await cluster.createDatabase('bench_tables');
  const generator = startGenerator(signal);
  const server = await startServer('muster', serverEnv(database.url));
  try {
    const seeded = await database.addHosts('tables', hosts);
    await generator.fleet('tables', { hosts: seeded, seed: plan.seed, containers, mix: 'varied' });
    await generator.load({ ...everyHostOnce('tables'), port: server.port });
    await database.settle();
    const before = await tableBytes(database);
    const { requests, ms } = await generator.load({
      ...{ fleet: 'tables', port: server.port, connections, traffic: { kind: 'unchanged' } },
      extent: { perHost: snapshotsPerHost },
    });
    const after = await tableBytes(database);
    await generator.load({ ...everyHostOnce('tables'), port: server.port });
    for (const [index, state] of (await generator.progress('tables')).entries()) {
      const simulated = simulateHost({ seed: plan.seed, index, containers, mix: 'varied' });
      await verifyHost(database.pool, 'muster', seeded[index]!.id, simulated, state);
    }
    progress(`table growth: ${requests} unchanged snapshots`);
    return { hosts, containers, snapshotsPerHost, snapshotsPerSecond: (1_000 * requests) / ms, before, after };
  } finally {
    await Promise.all([generator.stop(), server.stop()]);
    await database.close();
  }
}

async function tableBytes({ pool }: BenchDatabase): Promise<TableBytes> {
  const { rows } = await pool.query<Record<keyof TableBytes, string>>(
    `SELECT pg_total_relation_size('hosts') AS hosts, pg_total_relation_size('containers') AS containers`,
  );
  return { hosts: Number(rows[0]!.hosts), containers: Number(rows[0]!.containers) };
}
