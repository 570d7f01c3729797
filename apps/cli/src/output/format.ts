import { toTerminalJson, toTerminalText } from '@muster/contracts';
import { Option } from 'commander';
import type { Terminal } from '../terminal.js';
import { csvLine, csvTitles } from './csv.js';
import { table, type Column } from './table.js';

export type Format = 'table' | 'json' | 'csv';

export const formatOption = (): Option =>
  new Option('-o, --output <format>', 'how it is written').choices(['table', 'json', 'csv']).default('table');

/** CSV as it is for a file or another program, and without what a terminal would obey where it is shown on one. */
export const csvFor = ({ screen }: Terminal, csv: string): string =>
  screen === null ? csv : csv.split('\n').map(withoutReturn).join('\n');

const withoutReturn = (line: string): string => toTerminalText(line.replace(/\r$/, ''));

/** Writes a whole list. */
export function writeList<Row>(
  terminal: Terminal,
  format: Format,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): void {
  if (format === 'json') terminal.out(`${toTerminalJson(JSON.stringify(rows, null, 2))}\n`);
  else if (format === 'csv')
    terminal.out(csvFor(terminal, csvTitles(columns) + rows.map((row) => csvLine(columns, row)).join('')));
  else terminal.out(rows.length === 0 ? '' : table(columns, rows, terminal.screen));
}

/** Writes what comes one by one: JSON by the line, CSV without another line of titles. */
export function writeOne<Row>(terminal: Terminal, format: Format, columns: readonly Column<Row>[], row: Row): void {
  if (format === 'json') terminal.out(`${toTerminalJson(JSON.stringify(row))}\n`);
  else if (format === 'csv') terminal.out(csvFor(terminal, csvLine(columns, row)));
  else terminal.out(table(columns, [row], terminal.screen).split('\n').slice(1).join('\n'));
}
