/** Connections to a PostgreSQL server, with a time limit for every step. */
import pg from 'pg';

import { discardUnfinishedTransactions } from './discard-unfinished.js';
import { DatabaseUnreachableError, DatabaseUnsuitableError } from './errors.js';
import { discardReadOnlyConnections } from './read-only-server.js';
import { destroySocket, refuseWhileStalled } from './stalled-server.js';

/**
 * The options of a pool. Times are in milliseconds. Without time limits, calls would wait forever for a frozen server.
 */
export interface PostgresPoolOptions {
  /** Maximum number of connections. */
  readonly poolMax: number;
  /** Maximum time to get an idle or a new connection. */
  readonly connectTimeoutMs: number;
  /** The value of the server's statement_timeout. */
  readonly statementTimeoutMs: number;
  /**
   * Maximum time that the client waits for a response. It must exceed `statementTimeoutMs`, so that the server's error
   * arrives first.
   */
  readonly queryTimeoutMs: number;
  readonly applicationName: string;
  /**
   * If true, the server plans each statement once, for all values. This suits statements whose best plan does not
   * depend on their values. For small statements, planning can take longer than running.
   */
  readonly genericPlans?: boolean;
}

/** Maximum milliseconds that `endPool` waits for connections to close. */
const CLOSE_TIMEOUT_MS = 2_000;

/** The oldest server version with which Muster is tested. */
const SERVER_VERSION_MIN = 150_000;

/** Creates a pool whose connections all use UTC, because adapter-pg writes and reads times without their offset. */
export function createPostgresPool(url: string, options: PostgresPoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: options.applicationName,
    max: options.poolMax,
    connectionTimeoutMillis: options.connectTimeoutMs,
    query_timeout: options.queryTimeoutMs,
    keepAlive: true,
    // These settings are made with a statement, because poolers such as PgBouncer reject them as startup parameters.
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- the pool awaits the promise
    onConnect: (client) =>
      // JIT is off, because compiling a statement takes longer than running the slowest of our statements.
      client.query(
        `SET TIME ZONE 'UTC'; SET jit = off; SET statement_timeout = ${options.statementTimeoutMs}; ` +
          `SET plan_cache_mode = ${options.genericPlans === true ? 'force_generic_plan' : 'auto'}`,
      ),
  });
  // node-postgres removes its own listener while a connection is in use. Without this listener, a connection that
  // breaks between two statements would end the process. With it, only the next statement on that connection fails, and
  // the pool discards the connection.
  pool.on('connect', (client) => client.on('error', () => undefined));
  discardUnfinishedTransactions(pool);
  refuseWhileStalled(pool, url);
  discardReadOnlyConnections(pool);
  return pool;
}

/** Opens a connection for migrations, which is not part of a pool and has no time limit for statements. */
export async function connectForMigrations(
  url: string,
  options: Pick<PostgresPoolOptions, 'applicationName' | 'connectTimeoutMs'>,
): Promise<pg.Client> {
  const location = describeUrl(url);
  const client = new pg.Client({
    connectionString: url,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
  });
  // A lost connection also fails the running query, whose caller handles the error.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw new DatabaseUnreachableError(location, reasonOf(error, url), { cause: error });
  }
  return client;
}

/** @throws DatabaseUnsuitableError if the server is too old. */
export async function requireServerVersion(client: pg.ClientBase, location: string): Promise<void> {
  const { rows } = await client.query<{ version: string; number: number }>(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number`,
  );
  const server = rows[0];
  if (server !== undefined && server.number < SERVER_VERSION_MIN) {
    throw new DatabaseUnsuitableError(
      `Muster needs PostgreSQL 15 or newer, but ${location} has version ${server.version}.`,
    );
  }
}

/** Ends a pool. If its server has stopped responding, closes the connections by force after two seconds. */
export async function endPool(pool: pg.Pool, connections: ReadonlySet<pg.PoolClient>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<'expired'>((resolve) => {
    timer = setTimeout(() => resolve('expired'), CLOSE_TIMEOUT_MS);
  });
  const poolEnd = pool.end();
  if ((await Promise.race([poolEnd, timeout])) === 'expired') {
    for (const connection of connections) destroySocket(connection);
  }
  clearTimeout(timer);
}

/**
 * Validates a connection URL.
 *
 * @throws DatabaseUnreachableError if the URL is not a PostgreSQL URL.
 */
export function requirePostgresUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed?.protocol !== 'postgresql:' && parsed?.protocol !== 'postgres:') {
    throw new DatabaseUnreachableError(
      'of DATABASE_URL',
      'it is not a URL of the form postgresql://user:password@host:5432/database',
    );
  }
}

/** Returns a URL without its password and parameters. */
export function describeUrl(url: string): string {
  const { username, host, pathname } = new URL(url);
  return `postgresql://${username === '' ? '' : `${username}@`}${host}${pathname}`;
}

/** Returns the driver's message. If the message quotes the password, the password is masked. */
function reasonOf(error: unknown, url: string): string {
  // Connecting to a name with several addresses fails with one error for each address.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const message = first instanceof Error ? first.message : String(first);
  const { password } = new URL(url);
  return password === ''
    ? message
    : message.replaceAll(password, '***').replaceAll(decodeURIComponent(password), '***');
}
