/**
 * A `pg.Pool` whose only connection leads to PGlite in this process. Instead of a socket, the connection is a stream
 * that carries PostgreSQL's wire protocol. The embedded database therefore uses the same driver, adapter and error
 * codes as a server.
 */
import { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

import type { PGlite } from '@electric-sql/pglite';
import pg from 'pg';

import { discardUnfinishedTransactions } from './discard-unfinished.js';

/** The first byte of the protocol's Terminate message. */
const TERMINATE = 0x58;

/** Milliseconds that a query waits for the only connection before it fails. */
const CONNECTION_WAIT_TIMEOUT_MS = 60_000;

/**
 * Number of event loop turns before each call of PGlite. A call blocks the event loop until it ends, so without
 * additional turns, consecutive queries would stop all other work. Node.js accepts one connection per turn. With one
 * turn per call, the last of 100 clients that connect at the same time would wait for 100 calls. A turn without work
 * takes a few microseconds.
 */
const TURNS_BEFORE_CALL = 16;

async function yieldTurns(): Promise<void> {
  for (let turn = 0; turn < TURNS_BEFORE_CALL; turn++) await setImmediate();
}

type Callback = (error?: Error | null) => void;

/** The stream that `pg` uses as its socket. Writes are client messages, and reads return PGlite's responses. */
class PgliteStream extends Duplex {
  readonly #pglite: PGlite;
  readonly #predecessor: Promise<void>;
  /** Resolves when the session has been reset. */
  readonly sessionReset: Promise<void>;

  constructor(pglite: PGlite, predecessor: Promise<void>) {
    super();
    this.#pglite = pglite;
    this.#predecessor = predecessor;
    this.sessionReset = new Promise((resolve) => this.once('close', resolve));
  }

  // The parts of net.Socket that pg calls.
  connect(): this {
    // PGlite has only one session. This connection therefore waits until the state of the previous connection's session
    // has been reset.
    void this.#predecessor.then(() => this.emit('connect'));
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }

  override _read(): void {
    // Responses are pushed as they arrive.
  }

  override _write(message: Buffer, _encoding: BufferEncoding, done: Callback): void {
    if (message[0] === TERMINATE) {
      // Do not pass this message on: PGlite would shut the database down.
      this.push(null);
      done();
      return;
    }
    const pieces: Buffer[] = [];
    // Copy each piece of the response, because it is a view of a buffer that PGlite overwrites.
    const onRawData = (bytes: Uint8Array) => void pieces.push(Buffer.from(bytes));
    yieldTurns()
      // `execProtocolRaw` would also parse all messages, and keep them in memory (PGlite 0.5.16).
      .then(() => this.#pglite.runExclusive(() => this.#pglite.execProtocolRawStream(message, { onRawData })))
      .then(
        () => {
          if (pieces.length > 0) this.push(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces));
          done();
        },
        (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
      );
  }

  /** Combines the five messages of a prepared query, which pg writes one after another, into one call of PGlite. */
  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], done: Callback): void {
    const last = chunks[chunks.length - 1]?.chunk;
    if (chunks.length > 1 && last?.[0] === TERMINATE) {
      this._write(Buffer.concat(chunks.slice(0, -1).map(({ chunk }) => chunk)), 'binary', (error) => {
        if (error) done(error);
        else this._write(last, 'binary', done);
      });
      return;
    }
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'binary', done);
  }

  /**
   * Resets the session, because the next connection must not inherit a transaction that this connection left open.
   */
  override _destroy(error: Error | null, done: Callback): void {
    this.#reset().then(
      () => done(error),
      (failure: unknown) => done(error ?? (failure instanceof Error ? failure : new Error(String(failure)))),
    );
  }

  async #reset(): Promise<void> {
    if (this.#pglite.closed) return;
    await this.#pglite.exec('ROLLBACK');
    // This is a separate call, because all statements of one call share a transaction. DISCARD ALL is not allowed in a
    // transaction.
    await this.#pglite.exec('DISCARD ALL');
  }
}

/** Creates a pool for an open PGlite instance. Ending the pool leaves the instance open. */
export function createEmbeddedPool(pglite: PGlite): pg.Pool {
  let predecessor = Promise.resolve();
  const pool = new pg.Pool({
    max: 1,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: CONNECTION_WAIT_TIMEOUT_MS,
    user: 'postgres',
    database: 'postgres',
    stream: () => {
      const stream = new PgliteStream(pglite, predecessor);
      predecessor = stream.sessionReset;
      return stream;
    },
  });
  discardUnfinishedTransactions(pool);
  return pool;
}
