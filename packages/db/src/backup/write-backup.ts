/** Reads a database's content in the order in which it can be loaded, and writes it as the bytes of a backup. */
import { createHash } from 'node:crypto';

import type pg from 'pg';

import { quoteIdentifier, readSequences, readTables, TEXT_FORMAT_SETTINGS, type Table } from './catalog.js';
import { FORMAT, FORMAT_VERSION, type BackupEnd, type BackupHeader, type TableStart } from './format.js';

/** Maximum number of rows per FETCH. */
const FETCH_ROWS_MAX = 500;

/** Maximum bytes per FETCH. A single row may exceed this limit. */
const FETCH_BYTES_MAX = 4 * 1024 * 1024;

/** The number of tables and rows in a backup. */
export interface BackupCounts {
  tables: number;
  rows: number;
}

/** A part of a database's content. A row is the JSON text of a row's line in a backup. */
type ContentPart =
  | { readonly kind: 'header'; readonly header: BackupHeader }
  | { readonly kind: 'table'; readonly table: TableStart }
  | { readonly kind: 'rows'; readonly rows: readonly string[] };

/** Yields a database's content from one snapshot, with a limited number of rows at a time. */
export async function* readContent(client: pg.ClientBase, at: Date): AsyncGenerator<ContentPart> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await client.query(TEXT_FORMAT_SETTINGS);
  yield { kind: 'header', header: await readHeader(client, at) };
  for (const table of await readTables(client)) {
    yield { kind: 'table', table: { table: table.name, columns: table.columns.map(({ name }) => name) } };
    for await (const rows of readRows(client, table)) yield { kind: 'rows', rows };
  }
  await client.query('COMMIT');
}

/**
 * Yields the uncompressed bytes of a backup, from one snapshot of the database. Adds the tables and rows to `counts`.
 */
export async function* backupBytes(client: pg.ClientBase, at: Date, counts: BackupCounts): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const part of readContent(client, at)) {
    if (part.kind === 'table') counts.tables += 1;
    if (part.kind === 'rows') counts.rows += part.rows.length;
    const bytes = Buffer.from(textOf(part));
    hash.update(bytes);
    yield bytes;
  }
  const end: BackupEnd = { end: true, rows: counts.rows, sha256: hash.digest('hex') };
  yield Buffer.from(`${JSON.stringify(end)}\n`);
}

function textOf(part: ContentPart): string {
  if (part.kind === 'rows') return part.rows.map((row) => `${row}\n`).join('');
  return `${JSON.stringify(part.kind === 'header' ? part.header : part.table)}\n`;
}

/** Reads the content of a backup's header, such as the database's migrations. */
export async function readHeader(client: pg.ClientBase, at: Date): Promise<BackupHeader> {
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
 * Reads a table in batches of limited size. A single row can have many megabytes, although it takes much less space on
 * disk, where it is compressed. The size of a row must therefore be known before the row is fetched. One cursor returns
 * the sizes of the rows, and another returns the rows in the same order.
 */
async function* readRows(client: pg.ClientBase, { name, columns }: Table): AsyncGenerator<string[]> {
  const values = columns.map((column) => `${quoteIdentifier(column.name)}::text`).join(', ');
  const row = `json_build_array(${values})::text`;
  await client.query(
    `DECLARE sizes NO SCROLL CURSOR FOR SELECT octet_length(${row}) AS bytes FROM ${quoteIdentifier(name)}`,
  );
  await client.query(`DECLARE backed_up NO SCROLL CURSOR FOR SELECT ${row} AS row FROM ${quoteIdentifier(name)}`);
  for (;;) {
    const { rows: sizes } = await client.query<{ bytes: number }>(`FETCH ${FETCH_ROWS_MAX} FROM sizes`);
    for (const count of fetchCounts(sizes.map(({ bytes }) => bytes))) {
      const { rows } = await client.query<{ row: string }>(`FETCH ${count} FROM backed_up`);
      yield rows.map(({ row }) => row);
    }
    if (sizes.length < FETCH_ROWS_MAX) break;
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
    if (counts.length === 0 || bytes > FETCH_BYTES_MAX) {
      counts.push(0);
      bytes = size;
    }
    counts[counts.length - 1]! += 1;
  }
  return counts;
}
