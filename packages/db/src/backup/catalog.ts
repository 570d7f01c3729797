/** Reads the tables and sequences of a database from its catalog, so that a backup needs no list of tables. */
import type pg from 'pg';

import type { SequenceState } from './format.js';

export interface Column {
  readonly name: string;
  /** The type as written in a cast, such as `timestamp(3) with time zone`. */
  readonly type: string;
}

export interface Table {
  readonly name: string;
  /** The columns, except generated columns. */
  readonly columns: readonly Column[];
}

const FIND_TABLES = `
SELECT c.relname AS name,
  (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
   FROM pg_attribute a
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
  ARRAY(SELECT DISTINCT r.relname::text FROM pg_constraint f JOIN pg_class r ON r.oid = f.confrelid
        WHERE f.conrelid = c.oid AND f.contype = 'f') AS "refersTo"
FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
  AND c.relname <> '_prisma_migrations'
ORDER BY c.relname`;

/** Settings with which a value has the same text form in every session. They apply to the current transaction. */
export const TEXT_FORMAT_SETTINGS = `
  SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres';
  SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; SET LOCAL synchronize_seqscans = off`;

/**
 * Reads the schema's tables, except the table of applied migrations. Each table follows the tables that it references.
 */
export async function readTables(client: pg.ClientBase): Promise<Table[]> {
  const { rows } = await client.query<Table & { refersTo: string[] }>(FIND_TABLES);
  const pendingTables = new Map(rows.map((row) => [row.name, row]));
  const ordered: Table[] = [];
  while (pendingTables.size > 0) {
    const ready = [...pendingTables.values()].filter(
      ({ refersTo }) => !refersTo.some((name) => pendingTables.has(name)),
    );
    if (ready.length === 0)
      throw new Error(`These tables refer to each other: ${[...pendingTables.keys()].join(', ')}`);
    for (const { name, columns } of ready) {
      pendingTables.delete(name);
      ordered.push({ name, columns });
    }
  }
  return ordered;
}

/** Reads the state of the schema's sequences. */
export async function readSequences(client: pg.ClientBase): Promise<SequenceState[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind = 'S' ORDER BY relname`,
  );
  const states: SequenceState[] = [];
  for (const { name } of rows) {
    const { rows: stateRows } = await client.query<Omit<SequenceState, 'name'>>(
      `SELECT last_value::text AS "lastValue", is_called AS "isCalled" FROM ${quoteIdentifier(name)}`,
    );
    states.push({ name, ...stateRows[0]! });
  }
  return states;
}

/** Quotes a name for SQL. */
export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
