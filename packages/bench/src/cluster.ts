/** The database server of a benchmark, its databases, and the hosts in them. */
import { ORGANIZATION } from './organization.js';
import { openDatabase } from '@muster/db';
import { seedHosts, type SeededHost } from '@muster/fleet';
import { startPostgresCluster } from '@muster/testkit';
import pg from 'pg';
import { familyCpuMs, parentOf } from './measure/cpu.js';
import { createPool } from './pool.js';

/**
 * As in production (fsync and synchronous_commit are on), with memory for the tables and without a checkpoint in the
 * middle of a measurement, whose cost would fall on whoever runs then. JIT is off, as it is for most that serve short
 * queries.
 */
export const SERVER_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '1GB',
  effective_cache_size: '4GB',
  work_mem: '16MB',
  maintenance_work_mem: '256MB',
  max_wal_size: '16GB',
  checkpoint_timeout: '1h',
  max_connections: '200',
  jit: 'off',
  random_page_cost: '1.1',
};

export interface BenchDatabase {
  readonly url: string;
  readonly pool: pg.Pool;
  /** Adds hosts without containers, and a token for each. Equal arguments add equal hosts. */
  addHosts(fleet: string, count: number): Promise<SeededHost[]>;
  /** Removes all hosts, and with them their containers and history. */
  removeHosts(): Promise<void>;
  /** Leaves nothing to be done in the background that a measurement would pay for: statistics, dead rows, dirty pages. */
  settle(): Promise<void>;
  /** Bytes of write-ahead log since the server began. */
  walBytes(): Promise<number>;
  close(): Promise<void>;
}

export interface BenchCluster {
  readonly version: string;
  /** CPU time of all of the server's processes, in ms. */
  cpuMs(): number;
  /** Makes an empty database with all migrations applied. */
  createDatabase(name: string): Promise<BenchDatabase>;
  stop(): Promise<void>;
}

/** There is no PostgreSQL on this machine. */
export class PostgresMissingError extends Error {}

/** Starts a server of its own, which is gone when `stop` is called or this process ends. @throws PostgresMissingError */
export async function startCluster(): Promise<BenchCluster> {
  const cluster = await startPostgresCluster({ durable: true, settings: SERVER_SETTINGS });
  if (!cluster.available) throw new PostgresMissingError(cluster.reason);
  const postmaster = await postmasterOf(cluster.url);
  const databases = new Set<BenchDatabase>();
  return {
    version: cluster.version,
    cpuMs: () => familyCpuMs(postmaster),
    async createDatabase(name) {
      const database = await createDatabase(cluster.url, name);
      databases.add(database);
      return database;
    },
    async stop() {
      await Promise.allSettled([...databases].map((database) => database.close()));
      await cluster.stop();
    },
  };
}

/** The server's first process: the parent of the one that serves us. */
async function postmasterOf(url: string): Promise<number> {
  return onServer(url, async (client) => {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    return parentOf(rows[0]!.pid);
  });
}

async function onServer<T>(url: string, action: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await action(client);
  } finally {
    await client.end();
  }
}

async function createDatabase(serverUrl: string, name: string): Promise<BenchDatabase> {
  await onServer(serverUrl, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE template0`));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await (await openDatabase({ url: url.href })).close();

  const pool = createPool(url.href, 4);
  await pool.query(`INSERT INTO organizations (id, name, slug) VALUES ($1, 'Default', 'default')`, [ORGANIZATION]);
  let closed: Promise<void> | undefined;
  return {
    url: url.href,
    pool,
    addHosts: (fleet, count) => seedHosts(pool, ORGANIZATION, fleet, count),
    async removeHosts() {
      await pool.query('TRUNCATE hosts, containers, container_changes, container_events, agent_tokens CASCADE');
    },
    async settle() {
      await pool.query('VACUUM (ANALYZE)');
      await pool.query('CHECKPOINT');
    },
    async walBytes() {
      const { rows } = await pool.query<{ bytes: string }>(
        `SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS bytes`,
      );
      return Number(rows[0]!.bytes);
    },
    close: () => (closed ??= pool.end()),
  };
}
