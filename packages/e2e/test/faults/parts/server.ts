import { withDisposables, type PostgresCluster } from '@muster/testkit';
import { createDatabase, startPostgresCluster } from '@muster/testkit/databases';

export { withConnection as onDatabase } from '@muster/testkit/databases';

/** A PostgreSQL server for one test. */
export interface Server {
  readonly cluster: PostgresCluster;
  /** Creates an empty database, and returns a superuser's URL for it. */
  createDatabase: (name: string) => Promise<string>;
}

const SETTINGS = { jit: 'off', shared_buffers: '256MB' };

/** Starts a server, runs `action`, and removes the server. @throws PostgresMissingError */
export const withServer = <T>(action: (server: Server) => Promise<T>): Promise<T> =>
  withDisposables(async (use) => {
    // Commits are durable, as in production, so they survive when the server is killed.
    const cluster = use(await startPostgresCluster({ durable: true, settings: SETTINGS }), (each) => each.stop());
    return action({ cluster, createDatabase: (name) => createDatabase(cluster.url, name) });
  });
