/** Writes a database as the bytes of a backup. */
import { createHash } from 'node:crypto';

import type pg from 'pg';

import { quoteIdentifier, readSequences, readTables, type Table } from './catalog.js';
import { FORMAT, FORMAT_VERSION, type BackupEnd, type BackupHeader, type TableStart } from './format.js';

/** Maximum number of rows per FETCH. */
const FETCHED_ROWS = 500;

/** Maximum bytes per FETCH. A single row may exceed this limit. */
const FETCHED_BYTES = 4 * 1024 * 1024;

/** Settings with which values convert to the same text in every session. */
const TEXT_FORMAT_SETTINGS = `
  SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex';
  SET extra_float_digits = 1; SET synchronize_seqscans = off`;

/** The number of tables and rows in a backup. */
export interface BackupCounts {
  tables: number;
  rows: number;
}

/**
 * Yields the uncompressed bytes of a backup, from one snapshot of the database. Adds the tables and rows to `counts`.
 */
export async function* backupBytes(client: pg.ClientBase, at: Date, counts: BackupCounts): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  const hashAndEncode = (text: string): Buffer => {
    const bytes = Buffer.from(text);
    hash.update(bytes);
    return bytes;
  };
  await client.query(TEXT_FORMAT_SETTINGS);
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  yield hashAndEncode(`${JSON.stringify(await readHeader(client, at))}\n`);
  for (const table of await readTables(client)) {
    const start: TableStart = { table: table.name, columns: table.columns.map(({ name }) => name) };
    yield hashAndEncode(`${JSON.stringify(start)}\n`);
    for await (const rows of readRows(client, table)) {
      counts.rows += rows.length;
      yield hashAndEncode(rows.map((row) => `${row}\n`).join(''));
    }
    counts.tables += 1;
  }
  await client.query('COMMIT');
  const end: BackupEnd = { end: true, rows: counts.rows, sha256: hash.digest('hex') };
  yield Buffer.from(`${JSON.stringify(end)}\n`);
}

async function readHeader(client: pg.ClientBase, at: Date): Promise<BackupHeader> {
  const { rows: migrations } = await client.query<{ name: string; checksum: string }>(
    `SELECT migration_name AS name, checksum FROM "_prisma_migrations"
     WHERE rolled_back_at IS NULL AND finished_at IS NOT NULL ORDER BY started_at, migration_name`,
  );
  const { rows } = await client.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
  return {
    format: FORMAT,
    version: FORMAT_VERSION,
    createdAt: at.toISOString(),
    postgres: rows[0]!.version,
    migrations,
    sequences: await readSequences(client),
  };
}

/**
 * Reads a table in batches of limited size. A single row can have many megabytes, even if it takes up much less space
 * on disk because it is compressed. The size of a row must therefore be known before the row is fetched. One cursor
 * returns the sizes of the rows, and another returns the rows in the same order.
 */
async function* readRows(client: pg.ClientBase, { name, columns }: Table): AsyncGenerator<string[]> {
  const values = columns.map((column) => `${quoteIdentifier(column.name)}::text`).join(', ');
  const row = `json_build_array(${values})::text`;
  await client.query(
    `DECLARE sizes NO SCROLL CURSOR FOR SELECT octet_length(${row}) AS bytes FROM ${quoteIdentifier(name)}`,
  );
  await client.query(`DECLARE backed_up NO SCROLL CURSOR FOR SELECT ${row} AS row FROM ${quoteIdentifier(name)}`);
  for (;;) {
    const { rows: sizes } = await client.query<{ bytes: number }>(`FETCH ${FETCHED_ROWS} FROM sizes`);
    for (const count of fetchCounts(sizes.map(({ bytes }) => bytes))) {
      const { rows } = await client.query<{ row: string }>(`FETCH ${count} FROM backed_up`);
      yield rows.map(({ row }) => row);
    }
    if (sizes.length < FETCHED_ROWS) break;
  }
  await client.query('CLOSE sizes');
  await client.query('CLOSE backed_up');
}

/** Returns how many rows each successive FETCH reads, for rows of these sizes. */
function fetchCounts(sizes: readonly number[]): number[] {
  const counts: number[] = [];
  let bytes = 0;
  for (const size of sizes) {
    bytes += size;
    if (counts.length === 0 || bytes > FETCHED_BYTES) {
      counts.push(0);
      bytes = size;
    }
    counts[counts.length - 1]! += 1;
  }
  return counts;
}
