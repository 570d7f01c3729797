import { toTerminalJson, toTerminalText } from '@muster/contracts';
import { Option } from 'commander';
import type { Terminal } from '../terminal.js';
import { csvLine, csvHeader } from './csv.js';
import { formatTable, type Column } from './table.js';

export type Format = 'table' | 'json' | 'csv';

export const formatOption = (): Option =>
  new Option('-o, --output <format>', 'output format').choices(['table', 'json', 'csv']).default('table');

/** Removes control characters from CSV for a terminal. For a file or pipe, the CSV is returned unchanged. */
export const sanitizeCsv = ({ screen }: Terminal, csv: string): string =>
  screen === null ? csv : csv.split('\n').map(sanitizeLine).join('\n');

const sanitizeLine = (line: string): string => toTerminalText(line.replace(/\r$/, ''));

/** Writes a complete list to standard output. */
export function writeList<Row>(
  terminal: Terminal,
  format: Format,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): void {
  if (format === 'json') terminal.out(`${toTerminalJson(JSON.stringify(rows, null, 2))}\n`);
  else if (format === 'csv')
    terminal.out(sanitizeCsv(terminal, csvHeader(columns) + rows.map((row) => csvLine(columns, row)).join('')));
  else terminal.out(rows.length === 0 ? '' : formatTable(columns, rows, terminal.screen));
}

/** Writes one item of a continuous output. JSON is written on one line, and CSV and tables have no header. */
export function writeOne<Row>(terminal: Terminal, format: Format, columns: readonly Column<Row>[], row: Row): void {
  if (format === 'json') terminal.out(`${toTerminalJson(JSON.stringify(row))}\n`);
  else if (format === 'csv') terminal.out(sanitizeCsv(terminal, csvLine(columns, row)));
  else terminal.out(formatTable(columns, [row], terminal.screen).split('\n').slice(1).join('\n'));
}
