/** What the rest of Muster gets to see of a database. */
import type { PrismaClient } from './generated/prisma/client.js';

export type DatabaseEngine = 'postgresql' | 'pglite';

/** An open database with all migrations applied. */
export interface Database {
  readonly prisma: PrismaClient;
  readonly engine: DatabaseEngine;
  /** Where it is, for a log: a URL without its password, a directory, or `in memory`. */
  readonly location: string;
  /** The migrations that opening it applied. */
  readonly appliedMigrations: readonly string[];
  /** Rejects, in bounded time, where the database does not answer. */
  ping(): Promise<void>;
  /** Closes it within a few seconds, whatever state its server is in. Calling it again does nothing. */
  close(): Promise<void>;
}
