/** The interface through which the rest of Muster uses a database. */
import type { BuildIndexesOptions } from './build-indexes.js';
import type { PrismaClient } from './generated/prisma/client.js';

export type DatabaseEngine = 'postgresql' | 'pglite';

/**
 * A statement with a constant text. Each connection prepares the statement once, under its `name`. Names must be unique
 * in the program. Values are passed as `$1`, `$2` and so on.
 */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /**
   * True for a statement that takes milliseconds and waits for no lock. It runs on reserved connections, so that it
   * never queues behind large statements.
   */
  readonly isSmall?: boolean;
}

/** An open database with all migrations applied. */
export interface Database {
  readonly prisma: PrismaClient;
  readonly engine: DatabaseEngine;
  /** The location for logs: a URL without its password, a directory, or `in memory`. */
  readonly location: string;
  /** The migrations that were applied when the database was opened. */
  readonly appliedMigrations: readonly string[];
  /** Maximum milliseconds that a change waits for a row lock of another transaction before it fails. */
  readonly lockWaitMsMax: number;
  /**
   * Runs a prepared statement without Prisma, which does not prepare statements. Use it for the few statements that run
   * for most requests of agents. Rows are returned as by node-postgres: an int8 is a string, json is parsed, and a
   * timestamp is a Date.
   */
  query<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
  /**
   * Like `query`, but for a statement with large values, and with `timeoutMs` if it exceeds the usual statement timeout.
   * A value may be a `LongText`. A list may contain only texts. Takes three more round trips than `query`. Only a part
   * of the pool's connections run such statements. Further calls wait, without occupying a connection.
   */
  queryWithTimeout<Row extends object>(
    statement: Statement,
    values: readonly unknown[],
    timeoutMs: number,
  ): Promise<Row[]>;
  /**
   * Returns the numbers of busy and idle connections, their maximum number, and the number of callers that wait for a
   * connection.
   */
  connections(): { busy: number; idle: number; max: number; waiting: number };
  /**
   * Builds the large indexes that were deferred because the database had rows when it was opened. Returns the names of
   * their migrations. May take long, but blocks neither reads nor writes. Muster works without these indexes.
   */
  buildIndexes(options?: BuildIndexesOptions): Promise<string[]>;
  /** Returns whether `buildIndexes` has to build indexes. Until it has built them, some statements are slow. */
  lacksIndexes(): boolean;
  /** Rejects in bounded time if the database does not respond or is read-only. */
  ping(): Promise<void>;
  /** Closes the database within a few seconds, even if its server does not respond. Further calls do nothing. */
  close(): Promise<void>;
}
