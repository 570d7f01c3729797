import pg from 'pg';

export { PostgresMissingError, startPostgresCluster } from './cluster.js';

/** Runs `action` on a new connection. */
export async function withConnection<T>(url: string, action: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  // A lost connection makes the query in progress fail. It also emits an error event, which would end the process
  // without this listener.
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
