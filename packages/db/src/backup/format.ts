/**
 * The format of a backup file: gzip-compressed JSON lines that do not depend on PostgreSQL's major version.
 *
 *   {"format":"muster-backup","version":1, …}        header: PostgreSQL's version, applied migrations, sequences
 *   {"table":"hosts","columns":["id","name", …]}     start of a table
 *   ["0199…","web-1",null, …]                        its rows: each value in PostgreSQL's text form, or null
 *   {"end":true,"rows":1234,"sha256":"…"}            last line: SHA-256 of every byte before it
 *
 * A table follows the tables that it references. The hash detects damage but not forgery, because anyone who can write
 * the file can also replace the hash.
 */
import { BackupError } from '../errors.js';
import type { Migration } from '../migrations.js';

export const FORMAT = 'muster-backup';
export const FORMAT_VERSION = 1;

/** The first line of a backup. */
export interface BackupHeader {
  readonly format: typeof FORMAT;
  readonly version: typeof FORMAT_VERSION;
  /** When the backup was made, in RFC 3339 format. */
  readonly createdAt: string;
  /** PostgreSQL's version, for information. */
  readonly postgres: string;
  /** The applied migrations, in the order in which they were applied. */
  readonly migrations: readonly { readonly name: string; readonly checksum: string }[];
  readonly sequences: readonly SequenceState[];
}

/** The arguments of `setval`. */
export interface SequenceState {
  readonly name: string;
  /** An int8 in decimal. */
  readonly lastValue: string;
  readonly isCalled: boolean;
}

export interface TableStart {
  readonly table: string;
  readonly columns: readonly string[];
}

/** The last line of a backup. */
export interface BackupEnd {
  readonly end: true;
  readonly rows: number;
  /** The hash of all preceding bytes, in hex. */
  readonly sha256: string;
}

/** A parsed line. A row is kept as JSON text, which the database parses. */
export type BackupLine =
  | { readonly kind: 'header'; readonly header: BackupHeader }
  | { readonly kind: 'table'; readonly table: TableStart }
  | { readonly kind: 'row'; readonly json: string }
  | { readonly kind: 'end'; readonly end: BackupEnd };

/**
 * Parses a line. Returns null if it is not a line of a backup. Does not check the types of the line's values, because
 * the hash detects altered values.
 *
 * @throws BackupError for an unknown format version.
 */
export function parseLine(json: string): BackupLine | null {
  if (json.startsWith('[')) return { kind: 'row', json };
  const value = parseObject(json);
  if (value === null) return null;
  if ('table' in value) return { kind: 'table', table: value as TableStart };
  if ('end' in value) return { kind: 'end', end: value as BackupEnd };
  if (!('format' in value) || value.format !== FORMAT) return null;
  if ('version' in value && value.version === FORMAT_VERSION) return { kind: 'header', header: value as BackupHeader };
  throw new BackupError('The backup was written by a newer version of Muster: restore it with that version.');
}

function parseObject(json: string): object | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' ? value : null;
  } catch {
    // A text that is not JSON is not a line of a backup.
    return null;
  }
}

/**
 * Finds the migrations that a header lists. `unknown` is the name of a migration that is missing or has another
 * checksum, or null if there is none.
 */
export function findMigrations(
  header: BackupHeader,
  migrations: readonly Migration[],
): { known: Migration[]; unknown: string | null } {
  const checksums = new Map(migrations.map(({ name, checksum }) => [name, checksum]));
  const names = new Set(header.migrations.map(({ name }) => name));
  return {
    known: migrations.filter(({ name }) => names.has(name)),
    unknown: header.migrations.find(({ name, checksum }) => checksums.get(name) !== checksum)?.name ?? null,
  };
}
