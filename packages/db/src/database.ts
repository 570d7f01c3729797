/** The interface of a database for the rest of Muster. */
import type { BuildIndexesOptions } from './build-indexes.js';
import type { PrismaClient } from './generated/prisma/client.js';

export type DatabaseEngine = 'postgresql' | 'pglite';

/**
 * A statement of constant text, which a connection parses and plans once under its name. Names must be unique in the
 * program; values are passed as `$1`, `$2` and so on.
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
  /** Where it is, for logs: a URL without its password, a directory, or `in memory`. */
  readonly location: string;
  /** The migrations applied when it was opened. */
  readonly appliedMigrations: readonly string[];
  /**
   * Runs a prepared statement without Prisma, which prepares none; for the few statements that a whole fleet runs all
   * day. Rows are as node-postgres returns them: an int8 is a string, json is parsed, a timestamp is a Date.
   */
  query<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
  /**
   * Does the same as `query`, for a statement with large values: it gets `timeoutMs` instead of the server's usual
   * limit. Values may be a `LongText`; lists must be of texts. Costs three more round trips. Only some of a server's
   * connections run such statements; further calls wait without a connection.
   */
  queryWithTimeout<Row extends object>(
    statement: Statement,
    values: readonly unknown[],
    timeoutMs: number,
  ): Promise<Row[]>;
  /** Returns the pool's connections in use and idle, their maximum, and the number of callers that wait for one. */
  connections(): { busy: number; idle: number; max: number; waiting: number };
  /**
   * Builds the large indexes that were deferred because the database had rows when it was opened, and returns the names
   * of their migrations. May take long, but blocks neither reads nor writes; everything works without these indexes.
   */
  buildIndexes(options?: BuildIndexesOptions): Promise<string[]>;
  /** Rejects, in bounded time, if the database does not answer or is read-only. */
  ping(): Promise<void>;
  /** Closes the database within a few seconds, in any state of its server. Further calls do nothing. */
  close(): Promise<void>;
}
