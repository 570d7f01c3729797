/** Loads the lines of a backup into a database that has the backup's migrations. */
import type pg from 'pg';

import { BackupError } from '../errors.js';
import { quoteIdentifier, readTables, type Table } from './catalog.js';
import type { BackupLine, SequenceState, TableStart } from './format.js';
import type { BackupCounts } from './write-backup.js';

/** Approximate number of JSON characters per INSERT. */
const BATCH_CHARACTERS = 1024 * 1024;

/** Loads all tables. Deletes existing rows first. */
export async function loadBackup(
  client: pg.ClientBase,
  lines: AsyncIterable<Exclude<BackupLine, { kind: 'end' }>>,
): Promise<BackupCounts> {
  const tables = new Map((await readTables(client)).map((table) => [table.name, table]));
  const counts: BackupCounts = { tables: 0, rows: 0 };
  let insert: BatchInsert | null = null;
  // A migration may have inserted rows. The backup also contains these rows, as they were at the time of the backup.
  await client.query(`TRUNCATE ${[...tables.keys()].map(quoteIdentifier).join(', ')}`);
  for await (const line of lines) {
    if (line.kind === 'header') {
      await setSequences(client, line.header.sequences);
    } else if (line.kind === 'table') {
      await insert?.flush();
      insert = new BatchInsert(client, findMatchingTable(tables.get(line.table.table), line.table));
      counts.tables += 1;
    } else {
      await insert!.add(line.json);
      counts.rows += 1;
    }
  }
  await insert?.flush();
  return counts;
}

/**
 * Returns the database's table. @throws BackupError unless the database's table has the same columns as the backup's
 * table.
 */
function findMatchingTable(table: Table | undefined, { table: name, columns }: TableStart): Table {
  const own = table?.columns.map((column) => column.name) ?? [];
  if (table === undefined || own.join() !== columns.join()) {
    throw new BackupError(`The backup's table ${name} has other columns than in this version: nothing was restored.`);
  }
  return table;
}

/** Inserts the rows of one table in batches. */
class BatchInsert {
  readonly #client: pg.ClientBase;
  readonly #sql: string;
  #rows: string[] = [];
  #characters = 0;

  constructor(client: pg.ClientBase, { name, columns }: Table) {
    this.#client = client;
    const values = columns.map(({ type }, i) => `(line->>${i})::${type}`).join(', ');
    this.#sql = `
      INSERT INTO ${quoteIdentifier(name)} (${columns.map((column) => quoteIdentifier(column.name)).join(', ')})
      SELECT ${values} FROM jsonb_array_elements($1::jsonb) AS line`;
  }

  async add(row: string): Promise<void> {
    this.#rows.push(row);
    this.#characters += row.length;
    if (this.#characters >= BATCH_CHARACTERS) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#rows.length === 0) return;
    await this.#client.query(this.#sql, [`[${this.#rows.join(',')}]`]);
    this.#rows = [];
    this.#characters = 0;
  }
}

async function setSequences(client: pg.ClientBase, sequences: readonly SequenceState[]): Promise<void> {
  for (const { name, lastValue, isCalled } of sequences) {
    await client.query('SELECT setval($1::regclass, $2::bigint, $3)', [quoteIdentifier(name), lastValue, isCalled]);
  }
}
