/** What the rest of Muster gets to see of a database. */
import type { BuildIndexesOptions } from './build-indexes.js';
import type { PrismaClient } from './generated/prisma/client.js';

export type DatabaseEngine = 'postgresql' | 'pglite';

/**
 * A statement of constant text, which a connection parses and plans once under its name. Names are unique in a
 * program; values go by `$1`, `$2` and so on.
 */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /**
   * True for one that ends in milliseconds and waits for no lock: it runs on connections that nothing else takes, so that
   * it never stands behind large statements.
   */
  readonly isSmall?: boolean;
}

/** An open database with all migrations applied. */
export interface Database {
  readonly prisma: PrismaClient;
  readonly engine: DatabaseEngine;
  /** Where it is, for a log: a URL without its password, a directory, or `in memory`. */
  readonly location: string;
  /** The migrations that opening it applied. */
  readonly appliedMigrations: readonly string[];
  /**
   * Runs a statement past Prisma, for the few that a whole fleet runs all day: Prisma prepares none. Rows are
   * as node-postgres gives them: an int8 is a string, json is parsed, a timestamp is a Date.
   */
  query<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
  /**
   * As `query`, for a statement that may take longer than others because it carries more: it gets `timeoutMs` in
   * place of the server's usual limit. Values may be a `LongText`; lists are of texts. Costs three more round trips. Of a server's connections, these take some only;
   * the rest wait for their turn, without a connection.
   */
  queryPatiently<Row extends object>(
    statement: Statement,
    values: readonly unknown[],
    timeoutMs: number,
  ): Promise<Row[]>;
  /** The pool's connections now: open ones in use and not, how many there may be, and how many callers wait for one. */
  connections(): { busy: number; idle: number; max: number; waiting: number };
  /**
   * Builds the large indexes that opening the database left out, because rows were in it, and returns the names of
   * their migrations. Takes as long as it takes, without holding up reads or writes; all works without them.
   */
  buildIndexes(options?: BuildIndexesOptions): Promise<string[]>;
  /** Rejects, in bounded time, where the database does not answer or takes no writes. */
  ping(): Promise<void>;
  /** Closes it within a few seconds, whatever state its server is in. Calling it again does nothing. */
  close(): Promise<void>;
}
