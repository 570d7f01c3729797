import { startPostgresCluster, type PostgresCluster } from '@muster/testkit';
import pg from 'pg';

/** There is no PostgreSQL on this machine. */
export class PostgresMissingError extends Error {}

/** A PostgreSQL server of a test's own. */
export interface Server {
  readonly cluster: PostgresCluster;
  /** A superuser's URL of a new, empty database. */
  createDatabase: (name: string) => Promise<string>;
}

/** The organization that the API makes with its first key. */
export const ORGANIZATION = 'default';

/** As in production: what is committed is on the disk, and a server that is killed finds it there. */
const SETTINGS = { jit: 'off', shared_buffers: '256MB' };

/** Starts a server for `action`, and removes it afterwards. @throws PostgresMissingError */
export async function withServer<T>(action: (server: Server) => Promise<T>): Promise<T> {
  const cluster = await startPostgresCluster({ durable: true, settings: SETTINGS });
  if (!cluster.available) throw new PostgresMissingError(cluster.reason);
  try {
    return await action({
      cluster,
      async createDatabase(name) {
        await onDatabase(cluster.url, (client) => client.query(`CREATE DATABASE "${name}" TEMPLATE template0`));
        const url = new URL(cluster.url);
        url.pathname = `/${name}`;
        return url.href;
      },
    });
  } finally {
    await cluster.stop();
  }
}

/** Runs `action` on a connection of its own. */
export async function onDatabase<T>(url: string, action: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  // What loses the connection fails the query in hand, which says so.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await action(client);
  } finally {
    await client.end();
  }
}
