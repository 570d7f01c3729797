/** A table as text: for a terminal in columns, for a document in Markdown as its formatter would have it. */
export interface Table {
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

const widths = ({ columns, rows }: Table): number[] =>
  columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]?.length ?? 0)));

export function textTable(table: Table): string {
  const wide = widths(table);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(wide[i]!))
      .join('  ')
      .trimEnd();
  return [table.columns, wide.map((width) => '-'.repeat(width)), ...table.rows].map(line).join('\n');
}

/** Cells are to hold no pipe. */
export function markdownTable(table: Table): string {
  const wide = widths(table).map((width) => Math.max(3, width));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(wide[i]!)).join(' | ')} |`;
  return [line(table.columns), line(wide.map((width) => '-'.repeat(width))), ...table.rows.map(line)].join('\n');
}
