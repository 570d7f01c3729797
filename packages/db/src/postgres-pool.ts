/** Connections to a PostgreSQL server, none of which may make a request wait for good. */
import pg from 'pg';

import { discardUnfinishedTransactions } from './discard-unfinished.js';
import { DatabaseUnreachableError } from './errors.js';
import { discardReadOnlyConnections } from './read-only-server.js';
import { destroySocket, refuseWhileStalled } from './stalled-server.js';

/** How long the steps of a query may take. A frozen server answers none of them by itself. */
export interface PostgresPoolOptions {
  /** Connections at most. */
  readonly poolMax: number;
  /** To get a connection, an idle one or a new one. */
  readonly connectTimeoutMs: number;
  /** What the server is told to allow a statement. */
  readonly statementTimeoutMs: number;
  /** What this side waits for an answer: longer than the server's, whose word it leaves in peace where it still comes. */
  readonly queryTimeoutMs: number;
  readonly applicationName: string;
}

/** How long `endPool` waits for a server to take leave. */
const GOODBYE_TIMEOUT_MS = 2_000;

/** The oldest server that Muster is tested with. */
const SERVER_VERSION_MIN = 150_000;

/** A pool whose connections are all in UTC: adapter-pg writes and reads times without their offset. */
export function createPostgresPool(url: string, options: PostgresPoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: options.applicationName,
    max: options.poolMax,
    connectionTimeoutMillis: options.connectTimeoutMs,
    query_timeout: options.queryTimeoutMs,
    keepAlive: true,
    // Set by a statement and not at the start of the connection, where poolers such as PgBouncer refuse them.
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- the pool awaits it, its type does not say so
    onConnect: (client) =>
      // Compiling a statement takes longer than any of ours may run.
      client.query(`SET TIME ZONE 'UTC'; SET jit = off; SET statement_timeout = ${options.statementTimeoutMs}`),
  });
  // node-postgres removes its own listener while a connection is in use. A connection that breaks between two statements
  // would then end the process. The next statement on it fails, and the pool discards it.
  pool.on('connect', (client) => client.on('error', () => undefined));
  discardUnfinishedTransactions(pool);
  refuseWhileStalled(pool, url);
  discardReadOnlyConnections(pool);
  return pool;
}

/** A connection outside the pool, for migrations, which may take their time. */
export async function connectForMigrations(url: string, options: PostgresPoolOptions): Promise<pg.Client> {
  const location = describeUrl(url);
  const client = new pg.Client({
    connectionString: url,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
  });
  // Losing the connection fails the query in hand too, which is where it is dealt with.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw new DatabaseUnreachableError(location, reasonOf(error, url), { cause: error });
  }
  return client;
}

/** The server's version where it is too old, else null. */
export async function outdatedServerVersion(client: pg.ClientBase): Promise<string | null> {
  const { rows } = await client.query<{ version: string; number: number }>(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number`,
  );
  const server = rows[0];
  return server !== undefined && server.number < SERVER_VERSION_MIN ? server.version : null;
}

/** Ends a pool, after two seconds also one whose server has stopped answering. */
export async function endPool(pool: pg.Pool, connections: ReadonlySet<pg.PoolClient>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<'expired'>((resolve) => {
    timer = setTimeout(() => resolve('expired'), GOODBYE_TIMEOUT_MS);
  });
  const ended = pool.end();
  if ((await Promise.race([ended, patience])) === 'expired') {
    for (const connection of connections) destroySocket(connection);
  }
  clearTimeout(timer);
}

/**
 * Checks a connection URL.
 *
 * @throws DatabaseUnreachableError where it is none of PostgreSQL's.
 */
export function requirePostgresUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed?.protocol !== 'postgresql:' && parsed?.protocol !== 'postgres:') {
    throw new DatabaseUnreachableError(
      'of DATABASE_URL',
      'that is not a URL of the form postgresql://user:password@host:5432/database',
    );
  }
}

/** Where a URL leads, without its password and its parameters. */
export function describeUrl(url: string): string {
  const { username, host, pathname } = new URL(url);
  return `postgresql://${username === '' ? '' : `${username}@`}${host}${pathname}`;
}

/** A driver's message may quote what it was given. */
function reasonOf(error: unknown, url: string): string {
  // A name with several addresses fails with one error for each.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const message = first instanceof Error ? first.message : String(first);
  const { password } = new URL(url);
  return password === ''
    ? message
    : message.replaceAll(password, '***').replaceAll(decodeURIComponent(password), '***');
}
