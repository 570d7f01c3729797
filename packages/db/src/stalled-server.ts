/**
 * Keeps requests from queueing for a server that has stopped responding. A server that is frozen, or behind a network
 * that drops packets, does not refuse connections. Each query would therefore wait until it times out, and each request
 * would also wait for the timeouts of the requests before it.
 */
import pg from 'pg';

/** The query was not sent, because an earlier query timed out and the server has not responded since. */
class ServerStalledError extends Error {
  constructor() {
    super('The server does not answer');
    this.name = 'ServerStalledError';
  }
}

/** Messages of node-postgres for an expired timeout (pg 8.23.1, pg-pool 3.14.0). */
const TIMEOUT_MESSAGES = new Set([
  'Query read timeout',
  'Connection terminated due to connection timeout',
  'timeout expired',
]);

/** Timeout of a probe, in milliseconds. */
const PROBE_TIMEOUT_MS = 500;

/** Milliseconds between a failed probe and the next one. */
const PROBE_INTERVAL_MS = 250;

/**
 * After a timeout, the server is suspected to be stalled only if it has not responded to any query for this many
 * milliseconds. Otherwise, the query that timed out was slow, or this process was too busy to read the response.
 */
const UNANSWERED_MS_MIN = 1_500;

const isTimeoutError = (error: unknown): boolean => error instanceof Error && TIMEOUT_MESSAGES.has(error.message);

/**
 * Makes a pool refuse connections while its server is stalled. After a query times out, the server is probed on a
 * separate connection. If the probe fails, all callers immediately get an error until a probe succeeds. A server that
 * is only slow responds to the probe in milliseconds, and a server that is down refuses connections anyway.
 *
 * @throws ServerStalledError from `connect`, and from everything that uses a connection.
 */
export function refuseWhileStalled(pool: pg.Pool, connectionString: string): void {
  const connect = pool.connect.bind(pool) as () => Promise<pg.PoolClient>;
  const waiters = new Set<(error: Error) => void>();
  let [isSuspect, isStalled] = [false, false];
  let lastAnswerAt = performance.now();
  /** Resolves when a probe has shown whether the server is stalled. */
  let probed = Promise.resolve();

  async function probeUntilAnswered(decide: () => void): Promise<void> {
    while (!pool.ending && !(await probeServer(connectionString))) {
      isStalled = true;
      decide();
      for (const reject of waiters) reject(new ServerStalledError());
      // The pool may later open a connection for a rejected caller. `connectUnlessStalled` then releases it.
      waiters.clear();
      await new Promise((resolve) => setTimeout(resolve, PROBE_INTERVAL_MS).unref());
    }
    [isSuspect, isStalled] = [false, false];
    decide();
  }

  function recordResult(error: unknown): void {
    if (!isTimeoutError(error)) {
      lastAnswerAt = performance.now();
      return;
    }
    if (isSuspect || performance.now() - lastAnswerAt < UNANSWERED_MS_MIN) return;
    isSuspect = true;
    probed = new Promise((decide) => void probeUntilAnswered(decide));
  }

  function connectUnlessStalled(): Promise<pg.PoolClient> {
    if (isStalled) return Promise.reject(new ServerStalledError());
    // Wait only for the probe, not for a connection. A caller whose query has just timed out would otherwise wait for
    // another timeout.
    if (isSuspect) return probed.then(connectUnlessStalled);
    return new Promise((resolve, reject) => {
      waiters.add(reject);
      connect().then(
        (client) => {
          if (waiters.delete(reject)) resolve(client);
          else client.release();
        },
        (error: unknown) => {
          waiters.delete(reject);
          // A timeout while waiting for a free connection does not mean that the server is stalled.
          if (isTimeoutError(error)) recordResult(error);
          reject(error instanceof Error ? error : new ServerStalledError());
        },
      );
    });
  }

  // A connection is released after a response, or with the error if there was no response.
  pool.on('release', (error) => recordResult(error));
  pool.on('connect', (client) => closeOnTimeout(client, recordResult));
  // The pool's own `query` acquires its connections with a callback.
  pool.connect = ((callback?: (error: Error | undefined, client: pg.PoolClient | undefined) => void) => {
    const connection = connectUnlessStalled();
    if (callback === undefined) return connection;
    connection.then(
      (client) => callback(undefined, client),
      (error: unknown) => callback(error as Error, undefined),
    );
    return undefined;
  }) as typeof pool.connect;
}

/**
 * Closes a connection on which a query timed out. Otherwise, the next statement on it, such as the end of its
 * transaction, would queue behind that query and also time out.
 */
function closeOnTimeout(client: pg.PoolClient, recordResult: (error: unknown) => void): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  client.query = ((...args: unknown[]) => {
    const result = query(...args);
    // If there is no promise, the caller passed a callback. Only the pool does that, and it closes failed connections
    // itself.
    if (result instanceof Promise) {
      result.catch((error: unknown) => {
        if (!isTimeoutError(error)) return;
        recordResult(error);
        destroySocket(client);
      });
    }
    return result;
  }) as typeof client.query;
}

/** Closes a connection's socket immediately, because `end()` would wait for the server. */
export function destroySocket(client: pg.ClientBase): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

/** Returns whether the server responds at all, even if it only rejects the connection. */
async function probeServer(connectionString: string): Promise<boolean> {
  const client = new pg.Client({
    connectionString,
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
    query_timeout: PROBE_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch (error) {
    return !isTimeoutError(error);
  } finally {
    // Ignore the result, because the server may not respond to the end of the connection either.
    void client.end().catch(() => undefined);
  }
}
