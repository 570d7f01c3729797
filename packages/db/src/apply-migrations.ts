/**
 * Applies migrations in Prisma's own way, without Prisma's engine: the same `_prisma_migrations` table, the same
 * checksums and the same advisory lock, so that `prisma migrate deploy` and `status` agree wherever they can be run.
 * Unlike Prisma's, a failed migration leaves nothing behind, not even the record of its failure.
 */
import { randomUUID } from 'node:crypto';

import type pg from 'pg';

import { DatabaseTooNewError, DatabaseUnsuitableError, MigrationFailedError, MigrationHistoryError } from './errors.js';
import type { Migration } from './migrations.js';

/** The key of the advisory lock that `prisma migrate` takes. */
const MIGRATION_LOCK_KEY = 72707369;

/** A migration waits no longer than this for a table that a running replica uses, and holds up others meanwhile. */
const TABLE_LOCK_TIMEOUT_MS = 30_000;

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

/** Tables of the schema that we would write to, but for those which extensions such as PostGIS bring along. */
const FOREIGN_TABLES = `
SELECT c.relname AS name FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1 LIMIT 1`;

interface HistoryRow {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
}

/**
 * Brings the database up to `migrations` and returns the names of those that it applied, each in a transaction of its
 * own. Any number of processes may do this at once: each migration is applied by one of them, the others wait.
 *
 * @throws MigrationFailedError | MigrationHistoryError | DatabaseTooNewError | DatabaseUnsuitableError
 */
export async function applyMigrations(client: pg.ClientBase, migrations: readonly Migration[]): Promise<string[]> {
  const applied: string[] = [];
  // Without a lock at first, so that a start with nothing to do waits for nobody.
  for (const migration of pending(await readHistory(client), migrations)) {
    if (await applyOne(client, migration, migrations)) applied.push(migration.name);
  }
  return applied;
}

/** False where another process was first. */
async function applyOne(
  client: pg.ClientBase,
  migration: Migration,
  migrations: readonly Migration[],
): Promise<boolean> {
  await client.query('BEGIN');
  try {
    await client.query('SET LOCAL statement_timeout = 0');
    // Until the end of the transaction, not of the session: so it also holds behind a pooler that shares sessions.
    await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK_KEY]);
    const history = await readHistory(client);
    if (history === null) await requireEmptySchema(client);
    if (!pending(history, migrations).includes(migration)) {
      await client.query('COMMIT');
      return false;
    }
    await execute(client, migration);
    await client.query('COMMIT');
    return true;
  } catch (error) {
    // What went wrong is told by `error`; a connection that cannot roll back is lost, and its transaction with it.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function execute(client: pg.ClientBase, migration: Migration): Promise<void> {
  try {
    await client.query(CREATE_HISTORY);
    await client.query(`SET LOCAL lock_timeout = ${TABLE_LOCK_TIMEOUT_MS}`);
    await client.query(migration.sql);
    await client.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
      [randomUUID(), migration.checksum, migration.name],
    );
  } catch (error) {
    throw new MigrationFailedError(migration.name, reasonOf(error), { cause: error });
  }
}

/** What a migration can be refused for that is not its own fault, with what to do; else the database's words. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  const extension = /extension (?:control file )?"?(?:[^"]*\/)?(\w+)(?:\.control)?"/.exec(message)?.[1];
  if (extension === undefined) return message;
  switch (code) {
    case FEATURE_NOT_SUPPORTED:
    case UNDEFINED_FILE:
      return (
        `the server does not have the extension ${extension}, which comes with PostgreSQL: install its contrib ` +
        'modules there (such as the package postgresql-contrib) and start again'
      );
    case INSUFFICIENT_PRIVILEGE:
      return (
        `this user may not create the extension ${extension}: have the owner of the database run ` +
        `"CREATE EXTENSION ${extension}" in it, and start again`
      );
    default:
      return message;
  }
}

/** Null where the table does not exist. What was resolved as rolled back counts as never begun. */
async function readHistory(client: pg.ClientBase): Promise<HistoryRow[] | null> {
  // Not to_regclass(): it asks a cache, which within a transaction may not have heard of a table that was committed
  // while this process waited for the lock.
  const table = await client.query(
    `SELECT FROM pg_class WHERE relname = '_prisma_migrations' AND relnamespace = current_schema()::regnamespace`,
  );
  if (table.rowCount === 0) return null;
  const { rows } = await client.query<HistoryRow>(
    `SELECT migration_name, checksum, finished_at FROM "_prisma_migrations"
     WHERE rolled_back_at IS NULL ORDER BY started_at, migration_name`,
  );
  return rows;
}

/** Which migrations are not applied. Throws where the history is not one that these migrations can continue. */
function pending(history: HistoryRow[] | null, migrations: readonly Migration[]): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  const rows = history ?? [];
  const unknown = rows.filter((row) => !known.has(row.migration_name));
  if (unknown.length > 0) throw new DatabaseTooNewError(unknown.map((row) => row.migration_name));
  for (const row of rows) {
    if (row.finished_at === null) {
      throw new MigrationHistoryError(
        row.migration_name,
        'was begun by another tool and never finished: see "prisma migrate resolve"',
      );
    }
    if (row.checksum !== known.get(row.migration_name)?.checksum) {
      throw new MigrationHistoryError(
        row.migration_name,
        'is not the one that was applied to the database: its file was changed afterwards',
      );
    }
  }
  const done = new Set(rows.map((row) => row.migration_name));
  return migrations.filter((migration) => !done.has(migration.name));
}

async function requireEmptySchema(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ name: string }>(FOREIGN_TABLES);
  const table = rows[0]?.name;
  if (table !== undefined) {
    throw new DatabaseUnsuitableError(
      `The database has tables of another application (such as ${table}): give Muster a database of its own.`,
    );
  }
}
