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
}

const GAP = '  ';

/** Minimum width of a shortened column, in terminal columns. */
const WIDTH_MIN = 8;

/**
 * Formats a table with a header line. For a screen, columns are colored and shortened to fit the screen's width as
 * far as possible. Without a screen, nothing is shortened. Control characters in the texts are replaced.
 */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], screen: Screen | null): string {
  const cells = rows.map((row) => columns.map(({ text }) => toCell(toTerminalText(text(row)))));
  const titles = columns.map(({ title }) => toCell(title));
  const fullWidths = titles.map(({ width }, i) =>
    cells.reduce((maximum, row) => Math.max(maximum, row[i]!.width), width),
  );
  const widths = screen === null ? fullWidths : shrinkWidths(fullWidths, screen.columns);
  const applyStyle = (style: Style | null | undefined, text: string) =>
    // `styleText` does not check whether a stream has colors, because `screen` already states this.
    screen?.hasColors && style ? styleText(style, text, { validateStream: false }) : text;

  const line = (row: readonly Cell[], styleOf: (column: number) => Style | null | undefined) =>
    row
      .map((cell, i) => {
        const { text, width } = truncate(cell, widths[i]!);
        const isLast = i === row.length - 1;
        return applyStyle(styleOf(i), text) + (isLast ? '' : ' '.repeat(widths[i]! - width));
      })
      .join(GAP)
      .trimEnd();
  return [line(titles, () => 'bold'), ...rows.map((row, index) => line(cells[index]!, (i) => columns[i]!.style?.(row)))]
    .map((text) => `${text}\n`)
    .join('');
}

/** Shortens the widest columns until the line fits or all columns have the minimum width. */
function shrinkWidths(fullWidths: readonly number[], columns: number): number[] {
  const widths = [...fullWidths];
  const availableColumns = columns - GAP.length * (widths.length - 1);
  let excess = widths.reduce((sum, width) => sum + width, 0) - availableColumns;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= WIDTH_MIN) break;
    widths[widest]! -= 1;
    excess -= 1;
  }
  return widths;
}
