/** Builds large indexes while the database is in use, without locks that block reads or writes. */
import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';

import {
  isLockError,
  pendingIndexes,
  recordMigration,
  retryWhileLocked,
  type MigrationWait,
} from './apply-migrations.js';
import type { ConcurrentIndex, Migration } from './migrations.js';

const DUPLICATE_TABLE = '42P07';
const INVALID_POLL_MS = 1_000;

export interface BuildIndexesOptions {
  /**
   * Aborting ends the wait for a build. The server finishes a build that is in progress, and the next start of Muster
   * records it.
   */
  readonly signal?: AbortSignal;
  /** Called after each attempt that failed because the table was in use. */
  readonly onWait?: (wait: MigrationWait) => void;
  readonly lockTimeoutMs?: number;
}

const FIND_INDEX = `
SELECT i.indisvalid AS "isValid", EXISTS (
  SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = i.indexrelid
) AS "isBeingBuilt"
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE c.relname = $1 AND c.relnamespace = current_schema()::regnamespace`;

/**
 * Builds the missing indexes one after another and returns the names of their migrations. Any number of processes may
 * call this concurrently. The remains of an interrupted build are dropped, and the index is built again.
 *
 * A transaction that stays open for hours delays only the build, not other statements.
 */
export async function buildIndexes(
  client: pg.ClientBase,
  migrations: readonly Migration[],
  options: BuildIndexesOptions = {},
): Promise<string[]> {
  const builtNames: string[] = [];
  // A build can take arbitrarily long. No other code uses this session, so the setting affects only the builds.
  await client.query('SET statement_timeout = 0');
  for (const migration of await pendingIndexes(client, migrations)) {
    const { index } = migration;
    if (index === null) continue;
    await buildIndex(client, migration, index, options);
    if (options.signal?.aborted === true) break;
    await recordMigration(client, migration, migrations);
    builtNames.push(migration.name);
  }
  return builtNames;
}

/** Resolves when a valid index exists, built by this or another process, or when the signal is aborted. */
async function buildIndex(
  client: pg.ClientBase,
  migration: Migration,
  index: ConcurrentIndex,
  { signal, onWait, lockTimeoutMs = 2_000 }: BuildIndexesOptions,
): Promise<void> {
  while (signal?.aborted !== true) {
    const found = await findIndex(client, index);
    if (found?.isValid === true) return;
    if (found === null) await createIndex(client, migration);
    else if (found.isBeingBuilt) await sleep(INVALID_POLL_MS, undefined, { signal }).catch(() => undefined);
    else {
      const drop = () =>
        signal?.aborted === true ? Promise.resolve() : dropInvalidIndex(client, index, lockTimeoutMs);
      await retryWhileLocked(client, migration.name, drop, {
        ...(onWait ? { onWait } : {}),
        retryMsMax: Infinity,
      });
    }
  }
}

async function findIndex(client: pg.ClientBase, { name }: ConcurrentIndex) {
  const { rows } = await client.query<{ isValid: boolean; isBeingBuilt: boolean }>(FIND_INDEX, [name]);
  return rows[0] ?? null;
}

/**
 * Builds an index outside a transaction. The build may wait for other transactions without blocking reads or writes. If
 * two processes build the same index, one of them fails and then finds the other's index.
 */
async function createIndex(client: pg.ClientBase, { sql }: Migration): Promise<void> {
  try {
    await client.query(sql);
  } catch (error) {
    if ((error as { code?: string }).code !== DUPLICATE_TABLE && !isLockError(error)) throw error;
    await sleep(INVALID_POLL_MS * Math.random());
  }
}

/**
 * Drops an invalid index. Another process may be building this index. The function therefore first locks out other
 * builds, and then checks again that the index is invalid.
 */
async function dropInvalidIndex(client: pg.ClientBase, index: ConcurrentIndex, lockTimeoutMs: number): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
    await client.query(`LOCK TABLE "${index.table}" IN SHARE UPDATE EXCLUSIVE MODE`);
    const found = await findIndex(client, index);
    if (found?.isValid === false) await client.query(`DROP INDEX "${index.name}"`);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
