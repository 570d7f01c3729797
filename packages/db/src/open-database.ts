/** Opens a database on a server or the embedded PGlite. Both use the same code over PostgreSQL's protocol. */
import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';

import { applyMigrations, pendingIndexes, type MigrationWait } from './apply-migrations.js';
import { buildIndexes, type BuildIndexesOptions } from './build-indexes.js';
import type { Database, DatabaseEngine } from './database.js';
import { openDataDirectory, openInMemory, type EmbeddedDatabase } from './embedded-database.js';
import { createQueries } from './queries.js';
import { createEmbeddedPool } from './embedded-pool.js';
import { DatabaseReadOnlyError, DatabaseUnreachableError } from './errors.js';
import { rebaseEventIds } from './rebase-event-ids.js';
import { PrismaClient } from './generated/prisma/client.js';
import { isUnavailable } from './classify-error.js';
import { loadMigrations, type Migration } from './migrations.js';
import {
  connectForMigrations,
  createPostgresPool,
  describeUrl,
  endPool,
  requirePostgresUrl,
  requireServerVersion,
  type PostgresPoolOptions,
} from './postgres-pool.js';
import { requireWritable, requireWritableConnection } from './read-only-server.js';
import { destroySocket } from './stalled-server.js';
import { findTemplate } from './template.js';

/**
 * The database to open: on the server at `url`, embedded with its files in `dataDir`, or embedded and in memory. A
 * database in memory is lost when it is closed.
 */
export type DatabaseTarget = { url: string } | { dataDir: string } | { inMemory: true };

/** The options of transactions. Times are in milliseconds. */
interface TransactionOptions {
  /** Maximum time that an interactive transaction may take. */
  readonly transactionTimeoutMs: number;
  /** See `Database.lockWaitMsMax`. */
  readonly lockWaitMsMax: number;
}

/** The options of the pool do not apply to an embedded database, which has one connection. */
export interface DatabaseOptions extends Partial<PostgresPoolOptions>, Partial<TransactionOptions> {
  /** Called when an idle connection breaks. The pool replaces the connection. */
  readonly onIdleError?: (error: Error) => void;
  /** The directory of migrations to use instead of this version's own. */
  readonly migrationsDirectory?: string;
  /** Called when a migration finds a table in use, before the migration is retried. */
  readonly onMigrationWait?: (wait: MigrationWait) => void;
}

const DEFAULTS: PostgresPoolOptions & TransactionOptions = {
  poolMax: 10,
  connectTimeoutMs: 2_000,
  statementTimeoutMs: 2_500,
  queryTimeoutMs: 3_000,
  transactionTimeoutMs: 5_000,
  lockWaitMsMax: 2_500,
  applicationName: 'muster',
};

/** Number of connections to a server that are reserved for small statements. */
const SMALL_CONNECTIONS = 2;
/** Connections are reserved only if the pool may have at least this many connections. */
const RESERVATION_POOL_MIN = 5;

/** Milliseconds that an interactive transaction waits for the embedded database's only connection. */
const EMBEDDED_TRANSACTION_WAIT_MS = 30_000;

/**
 * Opens a database and applies the migrations that it lacks.
 *
 * On the embedded database, an open interactive transaction blocks all other queries, so prefer single statements and
 * batches.
 *
 * @throws a subclass of DatabaseAdminError, with a message for the person who starts Muster.
 */
export async function openDatabase(target: DatabaseTarget, options: DatabaseOptions = {}): Promise<Database> {
  const migrations = await loadMigrations(options.migrationsDirectory);
  return 'url' in target ? openServer(target.url, migrations, options) : openEmbedded(target, migrations, options);
}

async function openServer(url: string, migrations: readonly Migration[], options: DatabaseOptions): Promise<Database> {
  requirePostgresUrl(url);
  const poolOptions = { ...DEFAULTS, ...options };
  const { applied, pending } = await migrateServer(
    url,
    migrations,
    poolOptions,
    options.migrationsDirectory === undefined,
    options.onMigrationWait,
  );
  let lacksIndexes = pending.length > 0;
  const reservedCount = poolOptions.poolMax < RESERVATION_POOL_MIN ? 0 : SMALL_CONNECTIONS;
  const pool = createPostgresPool(url, { ...poolOptions, poolMax: poolOptions.poolMax - reservedCount });
  const smallPool =
    reservedCount === 0
      ? pool
      : createPostgresPool(url, { ...poolOptions, poolMax: reservedCount, genericPlans: true });
  const pools = [...new Set([pool, smallPool])];
  const ends = pools.map((each) => {
    const connections = new Set<pg.PoolClient>();
    each.on('connect', (client) => connections.add(client));
    each.on('remove', (client) => connections.delete(client));
    return () => endPool(each, connections);
  });
  return createDatabase({
    engine: 'postgresql',
    location: describeUrl(url),
    pool,
    smallPool,
    appliedMigrations: applied,
    transactions: { maxWait: poolOptions.connectTimeoutMs, timeout: poolOptions.transactionTimeoutMs },
    lockWaitMsMax: poolOptions.lockWaitMsMax,
    onIdleError: options.onIdleError,
    buildIndexes: async (buildOptions) => {
      const built = await buildServerIndexes(url, migrations, poolOptions, buildOptions);
      if (buildOptions?.signal?.aborted !== true) lacksIndexes = false;
      return built;
    },
    lacksIndexes: () => lacksIndexes,
    end: async () => {
      await Promise.all(ends.map((end) => end()));
    },
  });
}

/** Builds indexes on a separate connection. If Muster shuts down during a build, the server continues the build. */
async function buildServerIndexes(
  url: string,
  migrations: readonly Migration[],
  poolOptions: PostgresPoolOptions,
  options: BuildIndexesOptions = {},
): Promise<string[]> {
  const { signal } = options;
  const client = await connectForMigrations(url, poolOptions);
  const end = () => destroySocket(client);
  signal?.addEventListener('abort', end);
  try {
    return await buildIndexes(client, migrations, options);
  } catch (error) {
    if (signal?.aborted === true) return [];
    throw error;
  } finally {
    signal?.removeEventListener('abort', end);
    await client.end().catch(() => undefined);
  }
}

async function migrateServer(
  url: string,
  migrations: readonly Migration[],
  options: PostgresPoolOptions,
  isOurs: boolean,
  onWait: DatabaseOptions['onMigrationWait'],
): Promise<{ applied: string[]; pending: Migration[] }> {
  const client = await connectForMigrations(url, options);
  try {
    await requireServerVersion(client, describeUrl(url));
    await requireWritableConnection(client, describeUrl(url));
    const applied = await applyMigrations(client, migrations, { deferIndexes: true, onWait });
    // If the database was loaded from a dump of another cluster, its event ids must be rebased. For an embedded
    // database, `restore` does this.
    if (isOurs) await rebaseEventIds(client);
    return { applied, pending: await pendingIndexes(client, migrations) };
  } catch (error) {
    if (isUnavailable(error) && !(error instanceof DatabaseReadOnlyError)) {
      throw new DatabaseUnreachableError(describeUrl(url), (error as Error).message, { cause: error });
    }
    throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function openEmbedded(
  target: { dataDir: string } | { inMemory: true },
  migrations: readonly Migration[],
  options: DatabaseOptions,
): Promise<Database> {
  const embedded =
    'dataDir' in target
      ? await openDataDirectory(target.dataDir, () => findTemplate(migrations))
      : await openInMemory(await findTemplate(migrations));
  const location = 'dataDir' in target ? target.dataDir : 'in memory';
  return migrateEmbedded(embedded, location, migrations, options);
}

/** Migrates an open embedded database. Closes it on failure. */
export async function migrateEmbedded(
  embedded: EmbeddedDatabase,
  location: string,
  migrations: readonly Migration[],
  options: DatabaseOptions = {},
): Promise<Database> {
  const pool = createEmbeddedPool(embedded.pglite);
  const end = async (): Promise<void> => {
    try {
      await pool.end();
    } finally {
      await embedded.close();
    }
  };
  try {
    const client = await pool.connect();
    let appliedMigrations: string[];
    try {
      appliedMigrations = await applyMigrations(client, migrations);
    } finally {
      client.release();
    }
    await embedded.complete();
    return createDatabase({
      engine: 'pglite',
      location,
      pool,
      smallPool: pool,
      appliedMigrations,
      transactions: {
        maxWait: EMBEDDED_TRANSACTION_WAIT_MS,
        timeout: options.transactionTimeoutMs ?? DEFAULTS.transactionTimeoutMs,
      },
      lockWaitMsMax: options.lockWaitMsMax ?? DEFAULTS.lockWaitMsMax,
      onIdleError: options.onIdleError,
      // The tables of an embedded database are small enough to build all indexes when it is opened.
      buildIndexes: () => Promise.resolve([]),
      lacksIndexes: () => false,
      end,
    });
  } catch (error) {
    await end();
    throw error;
  }
}

interface DatabaseParts {
  engine: DatabaseEngine;
  location: string;
  pool: pg.Pool;
  /** The pool for small statements, which can be the same as `pool`. */
  smallPool: pg.Pool;
  appliedMigrations: readonly string[];
  transactions: { maxWait: number; timeout: number };
  lockWaitMsMax: number;
  onIdleError: ((error: Error) => void) | undefined;
  buildIndexes: Database['buildIndexes'];
  lacksIndexes: Database['lacksIndexes'];
  end: () => Promise<void>;
}

function createDatabase({ pool, smallPool, engine, ...parts }: DatabaseParts): Database {
  const { location, appliedMigrations, transactions, lockWaitMsMax, onIdleError, buildIndexes, lacksIndexes, end } =
    parts;
  const pools = [...new Set([pool, smallPool])];
  // Without a listener, losing an idle connection would end the process.
  for (const each of pools) each.on('error', (error) => onIdleError?.(error));
  const sum = (of: (pool: pg.Pool) => number) => pools.reduce((total, each) => total + of(each), 0);
  const prisma = new PrismaClient({
    adapter: new PrismaPg(pool),
    errorFormat: 'minimal',
    transactionOptions: transactions,
  });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await prisma.$disconnect();
    await end();
  };
  return {
    prisma,
    engine,
    buildIndexes,
    lacksIndexes,
    location,
    appliedMigrations,
    lockWaitMsMax,
    ...createQueries({ pool, smallPool }, engine),
    connections: () => ({
      busy: sum((each) => each.totalCount - each.idleCount),
      idle: sum((each) => each.idleCount),
      max: sum((each) => each.options.max),
      waiting: sum((each) => each.waitingCount),
    }),
    ping: () => requireWritable(smallPool, location),
    close: () => (closing ??= close()),
  };
}
