export interface Table {
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

/** Pads all cells to the width of their column, which is at least `widthMin`, and adds a line below the titles. */
function alignedCells({ columns, rows }: Table, widthMin: number): string[][] {
  const widths = columns.map((title, i) => Math.max(widthMin, title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const lines = [columns, widths.map((width) => '-'.repeat(width)), ...rows];
  return lines.map((cells) => cells.map((cell, i) => cell.padEnd(widths[i]!)));
}

/** Returns a table for the terminal. */
export const textTable = (table: Table): string =>
  alignedCells(table, 0)
    .map((cells) => cells.join('  ').trimEnd())
    .join('\n');

/** Returns a table in Markdown, as Prettier formats it. Cells must not contain pipes. */
export const markdownTable = (table: Table): string =>
  alignedCells(table, 3)
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
