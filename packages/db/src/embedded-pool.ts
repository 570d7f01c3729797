/**
 * A `pg.Pool` whose one connection ends in this process: it passes PostgreSQL's wire protocol to PGlite through a
 * stream instead of a socket. The embedded database therefore uses the same driver, adapter and error codes as a
 * server.
 */
import { Duplex } from 'node:stream';

import type { PGlite } from '@electric-sql/pglite';
import pg from 'pg';

import { discardUnfinishedTransactions } from './discard-unfinished.js';

/** The first byte of the protocol's Terminate message. */
const TERMINATE = 0x58;

/** Milliseconds that a query waits for the one connection before it fails. */
const CONNECTION_WAIT_TIMEOUT_MS = 60_000;

type Callback = (error?: Error | null) => void;

/** The stream that `pg` uses as its socket. A write is a client message; the readable side is PGlite's answer. */
class PgliteStream extends Duplex {
  readonly #pglite: PGlite;
  readonly #predecessor: Promise<void>;
  /** Resolves when the session is clean again. */
  readonly vacated: Promise<void>;

  constructor(pglite: PGlite, predecessor: Promise<void>) {
    super();
    this.#pglite = pglite;
    this.#predecessor = predecessor;
    this.vacated = new Promise((resolve) => this.once('close', resolve));
  }

  // The parts of net.Socket that pg calls.
  connect(): this {
    // PGlite has one session, so the next connection waits until the last one's state is reset.
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
    // Answers are pushed as they arrive.
  }

  override _write(message: Buffer, _encoding: BufferEncoding, done: Callback): void {
    if (message[0] === TERMINATE) {
      // PGlite would execute the message and shut the database down.
      this.push(null);
      done();
      return;
    }
    this.#pglite
      .runExclusive(() => this.#pglite.execProtocolRaw(message))
      .then(
        (answer) => {
          // The answer is a view of a buffer that the next call overwrites.
          if (answer.length > 0) this.push(Buffer.from(answer));
          done();
        },
        (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
      );
  }

  /** Joins the five messages of a prepared query, which pg writes in a row, into one call of PGlite. */
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

  /** Resets the session: a connection abandoned in a transaction must not leave it open for the next one. */
  override _destroy(error: Error | null, done: Callback): void {
    this.#reset().then(
      () => done(error),
      (failure: unknown) => done(error ?? (failure instanceof Error ? failure : new Error(String(failure)))),
    );
  }

  async #reset(): Promise<void> {
    if (this.#pglite.closed) return;
    await this.#pglite.exec('ROLLBACK');
    // A separate call, because statements of one call share a transaction, in which DISCARD ALL is not allowed.
    await this.#pglite.exec('DISCARD ALL');
  }
}

/** Creates a pool on an open PGlite. Ending the pool leaves PGlite open. */
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
      predecessor = stream.vacated;
      return stream;
    },
  });
  discardUnfinishedTransactions(pool);
  return pool;
}
