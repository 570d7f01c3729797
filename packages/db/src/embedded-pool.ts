/**
 * A `pg.Pool` whose one connection ends in this process: PostgreSQL's wire protocol, spoken to PGlite through a
 * stream instead of a socket. So the embedded database runs behind the same driver, the same adapter and the same
 * error codes as a server does.
 */
import { Duplex } from 'node:stream';

import type { PGlite } from '@electric-sql/pglite';
import pg from 'pg';

import { discardUnfinishedTransactions } from './discard-unfinished.js';

/** The first byte of the message with which a client says goodbye. */
const TERMINATE = 0x58;

/** How long a query waits for the one connection before something must be broken. */
const CONNECTION_WAIT_TIMEOUT_MS = 60_000;

type Callback = (error?: Error | null) => void;

/** What `pg` takes for its socket. A write is a client's message; what can be read is PGlite's answer. */
class PgliteStream extends Duplex {
  readonly #pglite: PGlite;
  readonly #predecessor: Promise<void>;
  /** Settled once the session is clean again. */
  readonly vacated: Promise<void>;

  constructor(pglite: PGlite, predecessor: Promise<void>) {
    super();
    this.#pglite = pglite;
    this.#predecessor = predecessor;
    this.vacated = new Promise((resolve) => this.once('close', resolve));
  }

  // The parts of net.Socket that pg calls.
  connect(): this {
    // PGlite is one session: its next user waits until the last one's leavings are gone.
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
    // Answers are pushed as they come.
  }

  override _write(message: Buffer, _encoding: BufferEncoding, done: Callback): void {
    if (message[0] === TERMINATE) {
      // PGlite would take it literally and shut the database down.
      this.push(null);
      done();
      return;
    }
    this.#pglite
      .runExclusive(() => this.#pglite.execProtocolRaw(message))
      .then(
        (answer) => {
          // The answer is a view of a buffer which the next call overwrites.
          if (answer.length > 0) this.push(Buffer.from(answer));
          done();
        },
        (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
      );
  }

  /** pg writes the five messages of a prepared query in a row: they are one call of the database, not five. */
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

  /** A connection given up in the middle of a transaction must not leave it open to the next one. */
  override _destroy(error: Error | null, done: Callback): void {
    this.#reset().then(
      () => done(error),
      (failure: unknown) => done(error ?? (failure instanceof Error ? failure : new Error(String(failure)))),
    );
  }

  async #reset(): Promise<void> {
    if (this.#pglite.closed) return;
    await this.#pglite.exec('ROLLBACK');
    // In a call of its own: it may not share a transaction, which statements of one call do.
    await this.#pglite.exec('DISCARD ALL');
  }
}

/** A pool on an open PGlite. Ending the pool leaves PGlite open. */
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
