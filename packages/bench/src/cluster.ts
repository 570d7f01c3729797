/** The PostgreSQL server of a benchmark, and its databases. */
import { openDatabase } from '@muster/db';
import { ORGANIZATION } from '@muster/fleet';
import { createDatabase, startPostgresCluster } from '@muster/testkit/databases';
import { familyCpuMs } from '@muster/testkit/proc';
import { createPool } from './pool.js';

/**
 * The settings that differ from PostgreSQL's defaults. Commits are durable, as in production. The memory suffices for
 * all tables. No checkpoint begins during a measurement, because it would slow down only one of the compared
 * implementations. JIT is off, as is usual for short queries.
 */
export const SERVER_SETTINGS: Readonly<Record<string, string>> = {
  shared_buffers: '1GB',
  work_mem: '16MB',
  maintenance_work_mem: '256MB',
  max_wal_size: '16GB',
  checkpoint_timeout: '1h',
  max_connections: '200',
  jit: 'off',
  random_page_cost: '1.1',
};

export type BenchCluster = Awaited<ReturnType<typeof startCluster>>;
export type BenchDatabase = Awaited<ReturnType<typeof openBenchDatabase>>;

/** Starts a server. The server ends when `stop` is called or when this process ends. @throws PostgresMissingError */
export async function startCluster() {
  const cluster = await startPostgresCluster({ durable: true, settings: SERVER_SETTINGS });
  const postmaster = await cluster.pid();
  const databases: BenchDatabase[] = [];
  return {
    version: cluster.version,
    /** Returns the CPU time of all processes of the server, in ms. */
    cpuMs: (): number => familyCpuMs(postmaster),
    /** Creates an empty database with all migrations applied. */
    async createDatabase(name: string): Promise<BenchDatabase> {
      const database = await openBenchDatabase(await createDatabase(cluster.url, name));
      databases.push(database);
      return database;
    },
    async stop(): Promise<void> {
      await Promise.allSettled(databases.map(({ pool }) => pool.end()));
      await cluster.stop();
    },
  };
}

async function openBenchDatabase(url: string) {
  await (await openDatabase({ url }, { connectTimeoutMs: 60_000 })).close();
  const pool = createPool(url, 4);
  await pool.query(`INSERT INTO organizations (id, name, slug) VALUES ($1, 'Default', 'default')`, [ORGANIZATION]);
  /** Returns the first row of a query. */
  const first = async <Row extends object>(text: string) => (await pool.query<Row>(text)).rows[0]!;
  return {
    url,
    pool,
    first,
    /** Removes all hosts, including their containers and history. */
    async removeHosts(): Promise<void> {
      await pool.query('TRUNCATE hosts, containers, container_events, agent_tokens CASCADE');
    },
    /** Completes background work (statistics, dead rows, dirty pages), so that it does not disturb a measurement. */
    async settle(): Promise<void> {
      await pool.query('VACUUM (ANALYZE)');
      await pool.query('CHECKPOINT');
    },
    /** Returns the number of WAL bytes written since the server was created. */
    async walBytes(): Promise<number> {
      const text = `SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8 AS bytes`;
      return (await first<{ bytes: number }>(text)).bytes;
    },
  };
}
