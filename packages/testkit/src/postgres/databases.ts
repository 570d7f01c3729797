import pg from 'pg';
import { parentOf } from '../proc.js';
import { startPostgresCluster, type PostgresCluster, type PostgresClusterOptions } from './cluster.js';

/** PostgreSQL is not installed on this machine. */
export class PostgresMissingError extends Error {}

/** Starts a server. @throws PostgresMissingError */
export async function requirePostgres(options: PostgresClusterOptions = {}): Promise<PostgresCluster> {
  const cluster = await startPostgresCluster(options);
  if (!cluster.available) throw new PostgresMissingError(cluster.reason);
  return cluster;
}

/** Runs `action` on a new connection. */
export async function withConnection<T>(url: string, action: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  // If the connection is lost, the query in progress fails. Without a listener, the process would end.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await action(client);
  } finally {
    await client.end();
  }
}

/** Creates an empty database on a server, and returns its URL. */
export async function createDatabase(serverUrl: string, name: string): Promise<string> {
  await withConnection(serverUrl, (client) => client.query(`CREATE DATABASE "${name}" TEMPLATE template0`));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Returns the process id of a server's first process, which is the parent of the backend of a connection. */
export function postmasterPid(serverUrl: string): Promise<number> {
  return withConnection(serverUrl, async (client) => {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    // The backend ends with the connection.
    return parentOf(rows[0]!.pid);
  });
}
