/** What a cell may not begin with: spreadsheets take it for a formula, and run it. */
const FORMULA = /^[=+\-@\t\r]/;

/** What has to stand in quotes (RFC 4180). */
const TO_QUOTE = /[",\r\n]/;

/**
 * One cell. A text that a spreadsheet would take for a formula has a `'` before it, so that whoever names a container
 * `=HYPERLINK(…)` reaches nobody's desk; numbers and dates are as they are.
 */
function toCell(value: string | number | null): string {
  if (value === null) return '';
  const text = typeof value === 'string' && FORMULA.test(value) ? `'${value}` : String(value);
  return TO_QUOTE.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One line of CSV as RFC 4180 has it. */
export const toCsvLine = (cells: readonly (string | number | null)[]): string => `${cells.map(toCell).join(',')}\r\n`;
