import { toTerminalText } from '@muster/contracts';
import { styleText } from 'node:util';
import type { Screen } from '../terminal.js';
import { toCell, truncate, type Cell } from './cell.js';

export type Style = Parameters<typeof styleText>[0];

/** A column of a table, or a field of a CSV line. */
export interface Column<Row> {
  title: string;
  text: (row: Row) => string;
  /** The style on a terminal; null for none. */
  style?: (row: Row) => Style | null;
  /** The text in CSV, if it differs from `text`. */
  raw?: (row: Row) => string;
  /** The text in the format `wide`, if it differs from `text`. */
  wide?: (row: Row) => string;
  /** Whether only the format `wide` has this column. */
  isWideOnly?: true;
  /** Whether CSV has this column, although a table has it only in the format `wide`. */
  isInCsv?: true;
  /** The part of a text that is kept if the column is shortened. Default: the start. */
  keep?: 'start' | 'end';
  /**
   * Minimum width of the shortened column. With Infinity, the column is shortened only if shortening all other columns
   * is not enough.
   */
  widthMin?: number;
  /**
   * If a table is too wide for the screen, columns are omitted in the order of this number. A column without a number
   * is never omitted. Columns up to `MINOR_OMISSION_MAX` are minor. If the other columns would become narrower than
   * `WIDTH_MIN_WITH_MINOR`, the minor columns are omitted first.
   */
  omission?: number;
}

const COLUMN_GAP = '  ';

/** Default minimum width of a shortened column, in terminal columns. */
const WIDTH_MIN = 8;

const MINOR_OMISSION_MAX = 2;

/** The width to which the other columns may be shortened before minor columns are omitted. */
const WIDTH_MIN_WITH_MINOR = 20;

/** Formats a complete table: see `createTable`. */
export const formatTable = <Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  screen: Screen | null,
  isWide = false,
): string => createTable(columns, screen, isWide)(rows);

/**
 * Returns a function that formats rows of one table. The first call adds the header line. Later rows are aligned with
 * earlier rows as far as possible.
 *
 * For a screen, columns are colored. If the table is too wide for the screen, columns are omitted and shortened. With
 * `isWide`, or without a screen, the table is complete. Control characters in the texts are replaced.
 */
export function createTable<Row>(
  columns: readonly Column<Row>[],
  screen: Screen | null,
  isWide: boolean,
): (rows: readonly Row[]) => string {
  const available = columns.filter(({ isWideOnly }) => isWide || !isWideOnly);
  const titles = available.map(({ title }) => toCell(title));
  let widths = titles.map(({ width }) => width);
  let hasHeader = false;
  const applyStyle = (style: Style | null | undefined, text: string) =>
    // `styleText` does not check whether a stream has colors, because `screen` already states this.
    screen?.hasColors && style ? styleText(style, text, { validateStream: false }) : text;

  return (rows) => {
    const textsOf = available.map((column) => (isWide ? column.wide : undefined) ?? column.text);
    const cells = rows.map((row) => textsOf.map((textOf) => toCell(toTerminalText(textOf(row)))));
    widths = widths.map((width, i) => cells.reduce((maximum, row) => Math.max(maximum, row[i]!.width), width));
    const candidates = available.map((column, index) => ({ column, index, width: widths[index]! }));
    const shown = screen === null || isWide ? candidates : fitColumns(candidates, screen.columns);

    const line = (row: readonly Cell[], styleOf: (column: Column<Row>) => Style | null | undefined, isHeader = false) =>
      `${shown
        .map(({ column, index, width: columnWidth }, position) => {
          const { text, width } = truncate(row[index]!, columnWidth, isHeader ? 'start' : column.keep);
          const isLast = position === shown.length - 1;
          return applyStyle(styleOf(column), text) + (isLast ? '' : ' '.repeat(columnWidth - width));
        })
        .join(COLUMN_GAP)
        .trimEnd()}\n`;
    const header = hasHeader ? '' : line(titles, () => 'bold', true);
    hasHeader = true;
    return header + rows.map((row, i) => line(cells[i]!, ({ style }) => style?.(row))).join('');
  };
}

interface Candidate {
  column: { widthMin?: number; omission?: number };
  width: number;
}

/** Omits columns until the minimum widths of the remaining columns fit, and then shortens the widest columns. */
function fitColumns<C extends Candidate>(candidates: readonly C[], screenColumns: number): C[] {
  const minimumOf = ({ column, width }: Candidate, atLeast = 0): number =>
    Math.min(width, Math.max(atLeast, column.widthMin ?? WIDTH_MIN));
  const spaceOf = (count: number): number => screenColumns - COLUMN_GAP.length * (count - 1);
  const totalOf = (columns: readonly C[], atLeast?: number): number =>
    columns.reduce((sum, column) => sum + minimumOf(column, atLeast), 0);

  let kept = [...candidates];
  const omissions = candidates.filter(({ column }) => column.omission !== undefined);
  for (const omitted of omissions.sort((a, b) => a.column.omission! - b.column.omission!)) {
    const isMinor = omitted.column.omission! <= MINOR_OMISSION_MAX;
    if (totalOf(kept, isMinor ? WIDTH_MIN_WITH_MINOR : 0) <= spaceOf(kept.length)) continue;
    kept = kept.filter((candidate) => candidate !== omitted);
  }
  // On a very narrow screen, even the most important columns need more space. At least the first one is shown.
  while (kept.length > 1 && spaceOf(kept.length) < kept.length) kept.pop();

  const space = Math.max(1, spaceOf(kept.length));
  const minimums = kept.map((candidate) => (totalOf(kept) <= space ? minimumOf(candidate) : 1));
  const widths = shorten(
    kept.map(({ width }) => width),
    minimums,
    space,
  );
  return kept.map((candidate, index) => ({ ...candidate, width: widths[index]! }));
}

/** Shortens the widest columns to the same width, but none below its minimum, until all columns fit. */
function shorten(fullWidths: readonly number[], minimums: readonly number[], space: number): number[] {
  const widthsAt = (limit: number) => fullWidths.map((width, i) => Math.min(width, Math.max(minimums[i]!, limit)));
  const sum = (widths: readonly number[]) => widths.reduce((total, width) => total + width, 0);
  if (sum(fullWidths) <= space) return [...fullWidths];
  let limit = space;
  while (limit > 1 && sum(widthsAt(limit)) > space) limit -= 1;
  const widths = widthsAt(limit);
  let spare = space - sum(widths);
  return widths.map((width, i) => {
    if (spare <= 0 || width === fullWidths[i]) return width;
    spare -= 1;
    return width + 1;
  });
}
