/**
 * Applies migrations like Prisma, but without Prisma's engine. Uses the same `_prisma_migrations` table, checksums and
 * advisory lock, so that `prisma migrate deploy` and `prisma migrate status` work on the same database. In contrast to
 * Prisma, a failed migration leaves nothing in the database, not even a record of its failure.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';

import { DatabaseTooNewError, DatabaseUnsuitableError, MigrationFailedError, MigrationHistoryError } from './errors.js';
import type { Migration } from './migrations.js';

/** The key of the advisory lock that `prisma migrate` takes. */
const MIGRATION_LOCK_KEY = 72707369;

/**
 * Milliseconds that a migration waits for a table's lock. During this time, it blocks later statements on the table.
 */
const LOCK_TIMEOUT_MS = 2_000;

/** Milliseconds between a migration's timeout and its next attempt, on average. */
const PAUSE_MS = 2_000;

/** Milliseconds for which a migration is retried before it fails. */
const RETRY_MS_MAX = 600_000;

const LOCK_NOT_AVAILABLE = '55P03';
const DEADLOCK_DETECTED = '40P01';

const FEATURE_NOT_SUPPORTED = '0A000';
const UNDEFINED_FILE = '58P01';
const INSUFFICIENT_PRIVILEGE = '42501';

const CREATE_HISTORY = `
CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id"                  VARCHAR(36) PRIMARY KEY NOT NULL,
    "checksum"            VARCHAR(64) NOT NULL,
    "finished_at"         TIMESTAMPTZ,
    "migration_name"      VARCHAR(255) NOT NULL,
    "logs"                TEXT,
    "rolled_back_at"      TIMESTAMPTZ,
    "started_at"          TIMESTAMPTZ NOT NULL DEFAULT now(),
    "applied_steps_count" INTEGER NOT NULL DEFAULT 0
)`;

/** Finds a table in the target schema that does not belong to an extension such as PostGIS. */
const FIND_OTHER_TABLES = `
SELECT c.relname AS name FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1 LIMIT 1`;

interface AppliedMigrationRow {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
}

/** A migration that is waiting for a table. */
export interface MigrationWait {
  readonly migration: string;
  /** Descriptions of the sessions with the longest-running transactions, without the text of their statements. */
  readonly blockers: readonly string[];
}

export interface ApplyOptions {
  /** If true, indexes that can be built concurrently are left to `buildIndexes`, unless the database is new. */
  readonly deferIndexes?: boolean;
  /** Called after each attempt that failed because a table was in use. */
  readonly onWait?: ((wait: MigrationWait) => void) | undefined;
  readonly lockTimeoutMs?: number;
  readonly pauseMs?: number;
  readonly retryMsMax?: number;
}

/**
 * Applies the migrations that the database lacks, each in its own transaction, and returns their names. Any number of
 * processes may call this concurrently. One process applies each migration, while the other processes wait.
 *
 * @throws MigrationFailedError | MigrationHistoryError | DatabaseTooNewError | DatabaseUnsuitableError
 */
export async function applyMigrations(
  client: pg.ClientBase,
  migrations: readonly Migration[],
  options: ApplyOptions = {},
): Promise<string[]> {
  const applied: string[] = [];
  // The history is first read without the lock. A process that has nothing to apply then does not wait for the lock.
  const history = await readHistory(client);
  const isDeferred = ({ index }: Migration) => options.deferIndexes === true && history !== null && index !== null;
  for (const migration of pendingMigrations(history, migrations)) {
    if (isDeferred(migration)) continue;
    const apply = () => applyMigration(client, migration, migrations, options.lockTimeoutMs ?? LOCK_TIMEOUT_MS);
    if (await retryWhileLocked(client, migration.name, apply, options)) applied.push(migration.name);
  }
  return applied;
}

/**
 * Waits until no other process applies migrations to this database. Other processes then wait until the current
 * transaction ends.
 */
export async function lockMigrations(client: pg.ClientBase): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK_KEY]);
}

/**
 * Applies the migrations that the database lacks, all in the current transaction, and returns their names. The caller
 * must call `lockMigrations` first, and must roll the transaction back after an error.
 *
 * @throws MigrationFailedError | MigrationHistoryError | DatabaseTooNewError
 */
export async function applyMigrationsInTransaction(
  client: pg.ClientBase,
  migrations: readonly Migration[],
): Promise<string[]> {
  const pending = pendingMigrations(await readHistory(client), migrations);
  for (const migration of pending) await executeMigration(client, migration, LOCK_TIMEOUT_MS);
  return pending.map(({ name }) => name);
}

/** Returns the migrations that build an index concurrently and are not recorded as applied. */
export async function pendingIndexes(client: pg.ClientBase, migrations: readonly Migration[]): Promise<Migration[]> {
  return pendingMigrations(await readHistory(client), migrations).filter(({ index }) => index !== null);
}

/** Records a migration that was applied outside a transaction. Does nothing if another process has already done so. */
export async function recordMigration(
  client: pg.ClientBase,
  migration: Migration,
  migrations: readonly Migration[],
): Promise<void> {
  await client.query('BEGIN');
  try {
    await lockMigrations(client);
    if (pendingMigrations(await readHistory(client), migrations).includes(migration))
      await insertHistory(client, migration);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Returns whether a statement failed because of another session's lock. Such a statement can succeed later. */
export function isLockError(error: unknown): boolean {
  const { code, cause } = error as { code?: string; cause?: unknown };
  return code === LOCK_NOT_AVAILABLE || code === DEADLOCK_DETECTED || (cause !== undefined && isLockError(cause));
}

/**
 * Repeats `action`, with pauses, while it fails because tables are in use.
 *
 * @throws MigrationFailedError after `retryMsMax`, and any other error of `action`.
 */
export async function retryWhileLocked<T>(
  client: pg.ClientBase,
  name: string,
  action: () => Promise<T>,
  { onWait, pauseMs = PAUSE_MS, retryMsMax = RETRY_MS_MAX }: ApplyOptions,
): Promise<T> {
  const since = performance.now();
  for (;;) {
    const attemptAt = await readClock(client);
    try {
      return await action();
    } catch (error) {
      if (!isLockError(error)) throw error;
    }
    const blockers = await findBlockers(client, attemptAt);
    onWait?.({ migration: name, blockers });
    if (performance.now() - since > retryMsMax) {
      const sessions = blockers.length === 0 ? 'other sessions' : blockers.join(', ');
      throw new MigrationFailedError(
        name,
        `a table that it needs is in use by ${sessions}: end these sessions and start Muster again`,
      );
    }
    await sleep(pauseMs * (0.5 + Math.random()));
  }
}

/** Returns the database server's time. */
async function readClock(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  return rows[0]!.now;
}

/**
 * Describes the sessions that a failed attempt probably waited for. Omits transactions that began after `attemptAt`,
 * because most of them waited for the attempt itself.
 */
async function findBlockers(client: pg.ClientBase, attemptAt: string): Promise<string[]> {
  const { rows } = await client.query<{ pid: number; application: string; state: string; seconds: number }>(
    `SELECT pid, application_name AS application, COALESCE(state, backend_type) AS state,
       round(extract(epoch FROM clock_timestamp() - xact_start))::int AS seconds
     FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < $1::timestamptz
     ORDER BY xact_start LIMIT 3`,
    [attemptAt],
  );
  return rows.map(
    ({ pid, application, state, seconds }) => `pid ${pid} (${application || 'unnamed'}, ${state} for ${seconds} s)`,
  );
}

/** Applies one migration. Returns false if another process has already applied it. */
async function applyMigration(
  client: pg.ClientBase,
  migration: Migration,
  migrations: readonly Migration[],
  lockTimeoutMs: number,
): Promise<boolean> {
  await client.query('BEGIN');
  try {
    await client.query('SET LOCAL statement_timeout = 0');
    // The lock is held by the transaction, not by the session. It therefore also works behind a pooler that shares
    // sessions.
    await lockMigrations(client);
    const history = await readHistory(client);
    if (history === null) await requireEmptySchema(client);
    if (!pendingMigrations(history, migrations).includes(migration)) {
      await client.query('COMMIT');
      return false;
    }
    await executeMigration(client, migration, lockTimeoutMs);
    await client.query('COMMIT');
    return true;
  } catch (error) {
    // Ignore a failed rollback. It means that the connection is lost, and PostgreSQL then ends the transaction. `error`
    // contains the reason.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function executeMigration(client: pg.ClientBase, migration: Migration, lockTimeoutMs: number): Promise<void> {
  try {
    await client.query(CREATE_HISTORY);
    await client.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
    // Indexes cannot be built concurrently inside a transaction or on PGlite.
    await client.query(migration.index === null ? migration.sql : migration.sql.replace(' CONCURRENTLY ', ' '));
    await insertHistory(client, migration);
  } catch (error) {
    throw new MigrationFailedError(migration.name, reasonOf(error), { cause: error });
  }
}

async function insertHistory(client: pg.ClientBase, migration: Migration): Promise<void> {
  await client.query(
    `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
     VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
    [randomUUID(), migration.checksum, migration.name],
  );
}

/** Returns an instruction if the operator can fix the failure, and otherwise the database's message. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  const extension = /extension (?:control file )?"?(?:[^"]*\/)?(\w+)(?:\.control)?"/.exec(message)?.[1];
  if (extension === undefined) return message;
  switch (code) {
    case FEATURE_NOT_SUPPORTED:
    case UNDEFINED_FILE:
      return (
        `the server does not have the extension ${extension}, which comes with PostgreSQL: install its contrib ` +
        'modules on it (such as the package postgresql-contrib) and start again'
      );
    case INSUFFICIENT_PRIVILEGE:
      return (
        `this user may not create the extension ${extension}: let the owner of the database run ` +
        `"CREATE EXTENSION ${extension}" in it, and start again`
      );
    default:
      return message;
  }
}

/**
 * Returns the history of migrations, without the migrations that `prisma migrate resolve` marked as rolled back.
 * Returns null if the history's table does not exist.
 */
async function readHistory(client: pg.ClientBase): Promise<AppliedMigrationRow[] | null> {
  // to_regclass() is not used here, because it reads a cache. Within a transaction, the cache may lack a table that
  // another process committed while this process waited for the lock.
  const table = await client.query(
    `SELECT FROM pg_class WHERE relname = '_prisma_migrations' AND relnamespace = current_schema()::regnamespace`,
  );
  if (table.rowCount === 0) return null;
  const { rows } = await client.query<AppliedMigrationRow>(
    `SELECT migration_name, checksum, finished_at FROM "_prisma_migrations"
     WHERE rolled_back_at IS NULL ORDER BY started_at, migration_name`,
  );
  return rows;
}

/**
 * Returns the migrations that are not applied. Throws if the history contains a migration that is unknown, unfinished
 * or changed.
 */
function pendingMigrations(history: AppliedMigrationRow[] | null, migrations: readonly Migration[]): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  const rows = history ?? [];
  const unknown = rows.filter((row) => !known.has(row.migration_name));
  if (unknown.length > 0) throw new DatabaseTooNewError(unknown.map((row) => row.migration_name));
  for (const row of rows) {
    if (row.finished_at === null) {
      throw new MigrationHistoryError(
        row.migration_name,
        'was started by another tool and never finished: see "prisma migrate resolve"',
      );
    }
    if (row.checksum !== known.get(row.migration_name)?.checksum) {
      throw new MigrationHistoryError(
        row.migration_name,
        'differs from the migration that was applied to the database: its file was changed afterwards',
      );
    }
  }
  const done = new Set(rows.map((row) => row.migration_name));
  return migrations.filter((migration) => !done.has(migration.name));
}

async function requireEmptySchema(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ name: string }>(FIND_OTHER_TABLES);
  const table = rows[0]?.name;
  if (table !== undefined) {
    throw new DatabaseUnsuitableError(
      `The database has tables of another application (such as ${table}): use a separate database for Muster.`,
    );
  }
}
