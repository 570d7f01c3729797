/**
 * Keeps requests from queueing for a server that has stopped answering. One that is stopped, or out of reach behind a
 * network that drops packets, refuses nothing: each query would have to wait for its own time to run out, and each
 * request for those of the requests before it.
 */
import pg from 'pg';

/** Nobody asked the server: it let an earlier query's time run out, and has not answered since. */
class ServerStalledError extends Error {
  constructor() {
    super('The server does not answer');
    this.name = 'ServerStalledError';
  }
}

/** What node-postgres says when the server had its time and said nothing; pg 8.23.1, pg-pool 3.14.0. */
const SILENCES = new Set(['Query read timeout', 'Connection terminated due to connection timeout', 'timeout expired']);

/** How long a sign of life may take, and how long after one that failed it is asked for again. */
const SIGN_OF_LIFE_MS_MAX = 500;
const SIGN_OF_LIFE_PAUSE_MS = 250;

/**
 * How long nothing at all must have been heard: where others are answered, a query that is not is slow, or this process
 * was too busy to hear of it.
 */
const SILENCE_MS_MIN = 1_500;

const isSilence = (error: unknown): boolean => error instanceof Error && SILENCES.has(error.message);

/**
 * Where a server let a query's time run out and does not give a sign of life either, on a connection of its own, has
 * the pool hand out no connection until it does: whoever asks, or waits already, is told at once. A server that is
 * merely slow gives that sign in milliseconds. One that is away is none of this: it refuses connections by itself.
 *
 * @throws ServerStalledError from `connect`, and from all that takes a connection.
 */
export function refuseWhileStalled(pool: pg.Pool, connectionString: string): void {
  const connect = pool.connect.bind(pool) as () => Promise<pg.PoolClient>;
  const waiting = new Set<(error: Error) => void>();
  let [isSuspect, isStalled] = [false, false];
  let heardAt = performance.now();
  /** That a suspicion has come true, or has not. */
  let verdict = Promise.resolve();

  async function watch(decide: () => void): Promise<void> {
    while (!pool.ending && !(await givesSignOfLife(connectionString))) {
      isStalled = true;
      decide();
      for (const reject of waiting) reject(new ServerStalledError());
      // The pool may serve them yet; what it serves them then is given back.
      waiting.clear();
      await new Promise((resolve) => setTimeout(resolve, SIGN_OF_LIFE_PAUSE_MS).unref());
    }
    [isSuspect, isStalled] = [false, false];
    decide();
  }

  function note(error: unknown): void {
    if (!isSilence(error)) {
      heardAt = performance.now();
      return;
    }
    if (isSuspect || performance.now() - heardAt < SILENCE_MS_MIN) return;
    isSuspect = true;
    verdict = new Promise((decide) => void watch(decide));
  }

  function take(): Promise<pg.PoolClient> {
    if (isStalled) return Promise.reject(new ServerStalledError());
    // A moment, in place of the whole time of a query of its own: who waited for an earlier one would wait twice.
    if (isSuspect) return verdict.then(take);
    return new Promise((resolve, reject) => {
      waiting.add(reject);
      connect().then(
        (client) => {
          if (waiting.delete(reject)) resolve(client);
          else client.release();
        },
        (error: unknown) => {
          waiting.delete(reject);
          // That no connection came free in time says nothing of the server.
          if (isSilence(error)) note(error);
          reject(error instanceof Error ? error : new ServerStalledError());
        },
      );
    });
  }

  // What is given back is so after an answer, or after none.
  pool.on('release', (error) => note(error));
  pool.on('connect', (client) => giveUpInSilence(client, note));
  // The pool's own `query` takes its connections by a callback.
  pool.connect = ((callback?: (error: Error | undefined, client: pg.PoolClient | undefined) => void) => {
    const taken = take();
    if (callback === undefined) return taken;
    taken.then(
      (client) => callback(undefined, client),
      (error: unknown) => callback(error as Error, undefined),
    );
    return undefined;
  }) as typeof pool.connect;
}

/**
 * Closes a connection that let a query's time run out. What comes next on it, such as the end of its transaction, would
 * stand behind that query, and wait in vain for as long again.
 */
function giveUpInSilence(client: pg.PoolClient, note: (error: unknown) => void): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  client.query = ((...args: unknown[]) => {
    const result = query(...args);
    // Who asks by a callback is the pool itself, which closes what failed.
    if (result instanceof Promise) {
      result.catch((error: unknown) => {
        if (!isSilence(error)) return;
        note(error);
        destroySocket(client);
      });
    }
    return result;
  }) as typeof client.query;
}

/** Ends a connection without taking leave: `end()` would be polite, and wait. */
export function destroySocket(client: pg.ClientBase): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

/** Whether the server says anything, be it that it takes no connections. */
async function givesSignOfLife(connectionString: string): Promise<boolean> {
  const client = new pg.Client({
    connectionString,
    connectionTimeoutMillis: SIGN_OF_LIFE_MS_MAX,
    query_timeout: SIGN_OF_LIFE_MS_MAX,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch (error) {
    return !isSilence(error);
  } finally {
    // It may be as silent about our leaving.
    void client.end().catch(() => undefined);
  }
}
