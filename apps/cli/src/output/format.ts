import { toTerminalJson, toTerminalText } from '@muster/contracts';
import { Option } from 'commander';
import type { Terminal } from '../terminal.js';
import { csvLine, csvHeader } from './csv.js';
import { createTable, formatTable, type Column } from './table.js';

export type Format = 'table' | 'wide' | 'json' | 'csv';

export const formatOption = (): Option =>
  new Option('-o, --output <format>', 'output format; a table fits the terminal, and wide shows everything')
    .choices(['table', 'wide', 'json', 'csv'])
    .default('table');

/** Removes control characters from CSV for a terminal. For a file or pipe, the CSV is returned unchanged. */
export const sanitizeCsv = ({ screen }: Terminal, csv: string): string =>
  screen === null ? csv : csv.split('\n').map(sanitizeLine).join('\n');

const sanitizeLine = (line: string): string => toTerminalText(line.replace(/\r$/, ''));

/**
 * Writes a complete list to standard output. If a table would be empty, writes `emptyText` to standard error instead,
 * so that scripts read no row.
 */
export function writeList<Row>(
  terminal: Terminal,
  format: Format,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  emptyText: string,
): void {
  if (format === 'json') terminal.out(`${toTerminalJson(JSON.stringify(rows, null, 2))}\n`);
  else if (format === 'csv')
    terminal.out(sanitizeCsv(terminal, csvHeader(columns) + rows.map((row) => csvLine(columns, row)).join('')));
  else if (rows.length === 0) terminal.err(`${emptyText}\n`);
  else terminal.out(formatTable(columns, rows, terminal.screen, format === 'wide'));
}

/**
 * Returns a function that writes the next items of a list that never ends. JSON has one line for each item. The header
 * of CSV is written immediately, and the header of a table before its first row.
 */
export function createListWriter<Row>(
  terminal: Terminal,
  format: Format,
  columns: readonly Column<Row>[],
): (rows: readonly Row[]) => void {
  if (format === 'json')
    return (rows) => terminal.out(rows.map((row) => `${toTerminalJson(JSON.stringify(row))}\n`).join(''));
  if (format === 'csv') {
    terminal.out(sanitizeCsv(terminal, csvHeader(columns)));
    return (rows) => terminal.out(sanitizeCsv(terminal, rows.map((row) => csvLine(columns, row)).join('')));
  }
  const formatRows = createTable(columns, terminal.screen, format === 'wide');
  return (rows) => {
    if (rows.length > 0) terminal.out(formatRows(rows));
  };
}
