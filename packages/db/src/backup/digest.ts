/** Compares the content of two databases. Shares no code with the code that copies rows. */
import type pg from 'pg';

import { quoteIdentifier, readTables, TEXT_FORMAT_SETTINGS, type Table } from './catalog.js';

/** The number of rows of a table, and a digest that does not depend on their order. */
export interface TableDigest {
  readonly table: string;
  readonly rows: number;
  readonly digest: string;
}

/** The four parts of a row's hash that are summed up. A bytea of 32 bytes has 64 hexadecimal digits. */
const HASH_PARTS = [1, 17, 33, 49].map(
  (from) => `sum(('x' || substr(encode(hash, 'hex'), ${from}, 16))::bit(64)::bigint)`,
);

/**
 * Computes the digest of each table, in the current transaction. The database does all the work, with the same SQL on
 * each engine. A row's hash is the SHA-256 of all its columns in PostgreSQL's text form. A table's digest is the sum of
 * its rows' hashes, in four parts. The database therefore neither sorts the rows nor keeps them in memory. The digest
 * detects accidental differences, not forgery.
 */
export async function computeDigests(client: pg.ClientBase): Promise<TableDigest[]> {
  await client.query(TEXT_FORMAT_SETTINGS);
  const digests: TableDigest[] = [];
  for (const table of await readTables(client)) digests.push(await digestTable(client, table));
  return digests;
}

async function digestTable(client: pg.ClientBase, { name, columns }: Table): Promise<TableDigest> {
  const row = `ROW(${columns.map((column) => quoteIdentifier(column.name)).join(', ')})::text`;
  const { rows } = await client.query<{ rows: number; digest: string }>(`
    SELECT count(*)::float8 AS rows, concat_ws(' ', ${HASH_PARTS.join(', ')}) AS digest
    FROM (SELECT sha256(convert_to(${row}, 'UTF8')) AS hash FROM ${quoteIdentifier(name)}) AS hashes`);
  return { table: name, ...rows[0]! };
}

/** Returns the names of the tables that exist in only one of the databases, or whose rows differ. */
export function findDifferences(left: readonly TableDigest[], right: readonly TableDigest[]): string[] {
  const text = ({ rows, digest }: TableDigest) => `${rows} ${digest}`;
  const [own, other] = [left, right].map((digests) => new Map(digests.map((each) => [each.table, text(each)])));
  const names = new Set([...own!.keys(), ...other!.keys()]);
  return [...names].filter((name) => own!.get(name) !== other!.get(name));
}
