/**
 * A backup's file: gzip of JSON lines, none of which depends on PostgreSQL's major version.
 *
 *   {"format":"muster-backup","version":1, …}        what wrote it, the migrations it had, the sequences
 *   {"table":"hosts","columns":["id","name", …]}     a table begins
 *   ["0199…","web-1",null, …]                        its rows: each value as PostgreSQL writes it as text, or null
 *   {"end":true,"rows":1234,"sha256":"…"}            the last line: the hash of every byte before it
 *
 * Tables stand after those that they refer to. The hash finds accidents, not forgers: who may write the file may write
 * another.
 */
import { BackupError } from '../errors.js';

export const FORMAT = 'muster-backup';
export const FORMAT_VERSION = 1;

/** The first line. */
export interface BackupHeader {
  readonly format: typeof FORMAT;
  readonly version: typeof FORMAT_VERSION;
  /** RFC 3339. */
  readonly createdAt: string;
  /** PostgreSQL's version, for whoever looks into the file. */
  readonly postgres: string;
  /** In the order in which they were applied. */
  readonly migrations: readonly { readonly name: string; readonly checksum: string }[];
  readonly sequences: readonly SequenceState[];
}

/** What `setval` takes. */
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

/** The last line. */
export interface BackupEnd {
  readonly end: true;
  readonly rows: number;
  /** In hex. */
  readonly sha256: string;
}

/** One line, read. A row stays as it is written: the database reads it. */
export type BackupLine =
  | { readonly kind: 'header'; readonly header: BackupHeader }
  | { readonly kind: 'table'; readonly table: TableStart }
  | { readonly kind: 'row'; readonly json: string }
  | { readonly kind: 'end'; readonly end: BackupEnd };

/**
 * Reads a line; null where it is none of a backup. That its parts have the right types is what the hash vouches for.
 *
 * @throws BackupError for a format that this version does not know.
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
    // Not JSON: not a line of a backup.
    return null;
  }
}
