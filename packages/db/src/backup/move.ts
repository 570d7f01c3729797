/**
 * Moves the embedded database to a PostgreSQL server. All work on the server is one transaction, from the creation of
 * the first table to the comparison of both databases. A move that fails therefore leaves nothing on the server. The
 * embedded database is only read.
 */
import { randomUUID } from 'node:crypto';

import type pg from 'pg';

import { applyMigrationsInTransaction, isLockError, lockMigrations } from '../apply-migrations.js';
import { dataDirectoryPaths, removeDurably } from '../data-directory.js';
import { DatabaseMovedError, DatabaseTooNewError, DataDirectoryError, MoveError } from '../errors.js';
import { loadMigrations, type Migration } from '../migrations.js';
import { movedError, readMoveRecord, writeMoveRecord, type MoveRecord } from '../move-record.js';
import { connectForMigrations, describeUrl, requirePostgresUrl, requireServerVersion } from '../postgres-pool.js';
import { requireWritableConnection } from '../read-only-server.js';
import { rebaseInTransaction } from '../rebase-event-ids.js';
import { destroySocket } from '../stalled-server.js';
import { readSequences } from './catalog.js';
import { computeDigests, findDifferences, type TableDigest } from './digest.js';
import { findMigrations, type BackupLine } from './format.js';
import { loadBackup } from './load-backup.js';
import { explainServerError } from './explain-server-error.js';
import { readDataDirectory } from './read-data-directory.js';
import { readContent, readHeader } from './write-backup.js';

export interface MoveOptions {
  /** The embedded database's directory. */
  readonly dataDir: string;
  /** The URL of the server's database, which must be empty. */
  readonly url: string;
  /** Aborting ends the move, and nothing is moved. */
  readonly signal?: AbortSignal;
}

export interface MoveSummary {
  /** The absolute path of the embedded database's directory. */
  readonly directory: string;
  /** The server's database, as a URL without its password. */
  readonly location: string;
  /** The tables that were moved, with their numbers of rows. */
  readonly tables: readonly TableDigest[];
  /** True if an earlier call moved the data but was interrupted before it could report its success. */
  readonly isRepeated: boolean;
}

const CONNECTION_OPTIONS = { applicationName: 'muster move-database', connectTimeoutMs: 10_000 };

/**
 * Milliseconds to wait for the transaction of an earlier move that was killed. The server ends that transaction after
 * its current statement.
 */
const LOCK_TIMEOUT_MS = 60_000;

/** Turns off the server's and the user's limits on the duration of a statement or of a transaction. */
const NO_TIMEOUTS = `
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`;

/** Finds what the schema contains, except objects that belong to an extension. */
const FIND_OBJECTS = `
WITH objects AS (
  SELECT 'pg_class'::regclass AS catalog, oid, relname AS name FROM pg_class
  WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  UNION ALL
  SELECT 'pg_proc'::regclass, oid, proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
  UNION ALL
  SELECT 'pg_type'::regclass, oid, typname FROM pg_type
  WHERE typnamespace = current_schema()::regnamespace AND typtype IN ('e', 'd')
)
SELECT name::text FROM objects
WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = catalog AND d.objid = oid AND d.deptype = 'e')
ORDER BY objects.name`;

/**
 * Copies all data of the embedded database to an empty database on a server, and compares the two databases. Then
 * records the move in the directory, so that Muster is not started on it by mistake. Either everything is moved or
 * nothing. After an error or a kill, the same call can be repeated.
 *
 * @throws DatabaseLockedError while a process has the embedded database open.
 * @throws DatabaseMovedError if the data was moved before.
 * @throws DatabaseUnreachableError | DatabaseAccessError | DatabaseUnsuitableError | DatabaseReadOnlyError
 * @throws DatabaseTooNewError | BackupError | DataDirectoryError | MigrationFailedError | MoveError
 */
export async function moveDatabase({ dataDir, url, signal }: MoveOptions): Promise<MoveSummary> {
  requirePostgresUrl(url);
  const location = describeUrl(url);
  const { directory } = dataDirectoryPaths(dataDir);
  const migrations = await loadMigrations();
  try {
    const server = await connectForMigrations(url, CONNECTION_OPTIONS);
    // Without its connection, the server rolls the transaction back.
    const disconnect = () => destroySocket(server);
    signal?.addEventListener('abort', disconnect);
    try {
      signal?.throwIfAborted();
      await requireServerVersion(server, location);
      await requireWritableConnection(server, location);
      await requireUtf8(server, location);
      return await readDataDirectory(directory, (embedded) =>
        moveRows({ embedded, server, directory, location, migrations }),
      );
    } finally {
      signal?.removeEventListener('abort', disconnect);
      await server.end().catch(() => undefined);
    }
  } catch (error) {
    // If the answer to the commit was lost, the result is unknown.
    if (signal?.aborted === true && !(error instanceof DatabaseMovedError)) {
      throw new MoveError('The move was interrupted: nothing was moved.', { cause: error });
    }
    throw explainServerError(error, location);
  }
}

interface Move {
  readonly embedded: pg.ClientBase;
  readonly server: pg.ClientBase;
  readonly directory: string;
  readonly location: string;
  readonly migrations: readonly Migration[];
}

async function moveRows(move: Move): Promise<MoveSummary> {
  const { embedded, server, directory, location, migrations } = move;
  const record = await readMoveRecord(directory);
  if (record?.isComplete === true) throw movedError(directory, record);
  const { known, unknown } = findMigrations(await readHeader(embedded, new Date()), migrations);
  if (unknown !== null) throw new DatabaseTooNewError([unknown]);
  await server.query('BEGIN');
  try {
    await server.query(NO_TIMEOUTS);
    await waitForOthers(server, location);
    const found = (await server.query<{ name: string }>(FIND_OBJECTS)).rows.map(({ name }) => name);
    if (found.length > 0) {
      if (record === null || !(await isMovedTo(server, record))) throw notEmptyError(location, found);
      await server.query('ROLLBACK');
      await writeMoveRecord(directory, { ...record, to: location, isComplete: true });
      return { directory, location, tables: await digestEmbedded(move), isRepeated: true };
    }
    await applyMigrationsInTransaction(server, known);
    await loadBackup(server, readLines(move));
    const tables = await requireEqual(move);
    await applyMigrationsInTransaction(server, migrations);
    await rebaseInTransaction(server);
    // Without statistics, the first queries would be planned for empty tables.
    await server.query('ANALYZE');
    await commit(move);
    return { directory, location, tables, isRepeated: false };
  } catch (error) {
    await server.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Waits for other processes that move data to this database or migrate it. */
async function waitForOthers(server: pg.ClientBase, location: string): Promise<void> {
  try {
    await server.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await lockMigrations(server);
  } catch (error) {
    if (!isLockError(error)) throw error;
    throw new MoveError(
      `Another process is creating tables in ${location}: wait until it has ended. If that process was killed on ` +
        'another machine, end its session on the PostgreSQL server (pg_terminate_backend).',
    );
  }
}

async function requireUtf8(server: pg.ClientBase, location: string): Promise<void> {
  const { rows } = await server.query<{ encoding: string }>(`SELECT current_setting('server_encoding') AS encoding`);
  const encoding = rows[0]!.encoding;
  if (encoding === 'UTF8') return;
  throw new MoveError(
    `${location} has the encoding ${encoding}, which cannot store all of Muster's data: create a database with ` +
      `"CREATE DATABASE muster ENCODING 'UTF8' TEMPLATE template0".`,
  );
}

function notEmptyError(location: string, found: readonly string[]): MoveError {
  const [shown, more] = [found.slice(0, 3).join(', '), found.length - 3];
  return new MoveError(
    `${location} is not empty: it contains ${shown}${more > 0 ? ` and ${more} more` : ''}. Nothing was moved. ` +
      `Create a new database for the move${found.includes('_prisma_migrations') ? ', or drop this one if Muster was only started on it by mistake' : ''}.`,
  );
}

/**
 * Returns whether a move that was interrupted at its last step was committed to this database. The move's id shows
 * this. A transaction id would not, because another database may have assigned the same id.
 */
async function isMovedTo(server: pg.ClientBase, { moveId }: MoveRecord): Promise<boolean> {
  const { rows } = await server.query<{ comment: string | null }>(
    `SELECT obj_description(to_regclass('_prisma_migrations'), 'pg_class') AS comment`,
  );
  return rows[0]!.comment === moveComment(moveId);
}

/** Returns the comment of the table of migrations in a database to which data was moved. */
const moveComment = (moveId: string): string => `Muster moved its data here: ${moveId}`;

async function* readLines({ embedded, directory }: Move): AsyncGenerator<Exclude<BackupLine, { kind: 'end' }>> {
  try {
    for await (const part of readContent(embedded, new Date())) {
      if (part.kind === 'rows') for (const json of part.rows) yield { kind: 'row', json };
      else yield part;
    }
  } catch (error) {
    throw unreadableError(directory, error);
  }
}

/**
 * Returns the error for a failed query of the embedded database. Without this error, the failure would be reported as a
 * failure of the server.
 */
const unreadableError = (directory: string, error: unknown): DataDirectoryError =>
  new DataDirectoryError(directory, `its database cannot be read: ${(error as Error).message}`, { cause: error });

/** Compares the databases. Returns the digests. @throws MoveError if the databases differ. */
async function requireEqual(move: Move): Promise<TableDigest[]> {
  const { embedded, server, location } = move;
  const [own, copied] = await Promise.all([digestEmbedded(move), computeDigests(server)]);
  const differences = findDifferences(own, copied);
  if (JSON.stringify(await readSequences(embedded)) !== JSON.stringify(await readSequences(server))) {
    differences.push('the sequences');
  }
  if (differences.length === 0) return own;
  throw new MoveError(
    `The copy in ${location} differs from the embedded database in ${differences.join(', ')}: nothing was moved. ` +
      'Check for triggers and rules on the server that change rows.',
  );
}

async function digestEmbedded({ embedded, directory }: Move): Promise<TableDigest[]> {
  try {
    await embedded.query('BEGIN READ ONLY');
    const digests = await computeDigests(embedded);
    await embedded.query('COMMIT');
    return digests;
  } catch (error) {
    throw unreadableError(directory, error);
  }
}

/**
 * Commits the move and records it. If this process is killed or loses the connection during the commit, the record
 * stays incomplete. The next move then looks for the id of this move on the server.
 */
async function commit({ server, directory, location }: Move): Promise<void> {
  const record = { to: location, at: new Date().toISOString(), moveId: randomUUID(), isComplete: false };
  // The id is stored in a comment, because digests and backups contain no comments. A comment cannot be a parameter.
  await server.query(`COMMENT ON TABLE "_prisma_migrations" IS '${moveComment(record.moveId)}'`);
  await writeMoveRecord(directory, record);
  try {
    await server.query('COMMIT');
  } catch (error) {
    // If the server answers, it has rolled the transaction back.
    const isAnswered = await server.query('ROLLBACK').then(
      () => true,
      () => false,
    );
    if (!isAnswered) throw movedError(directory, record, { cause: error });
    await removeDurably(dataDirectoryPaths(directory).moved);
    throw error;
  }
  try {
    await writeMoveRecord(directory, { ...record, isComplete: true });
  } catch (error) {
    throw movedError(directory, record, { cause: error });
  }
}
