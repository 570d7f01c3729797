/** Characters that start a formula in a spreadsheet, including their full-width forms. */
const FORMULA_STARTERS = '=+\\-@\uff1d\uff0b\uff0d\uff20';

/** Matches a cell that a spreadsheet evaluates as a formula. Some spreadsheets ignore leading white space. */
const FORMULA_CELL = new RegExp(`^[\\t\\r\\n${FORMULA_STARTERS}]`);

/** Matches the start of a formula inside a cell, for programs that also split cells at `;`, tabs or line breaks. */
const FORMULA_INSIDE_CELL = new RegExp(`([;\\t\\r\\n]"*)([${FORMULA_STARTERS}])`, 'g');

/** Characters that need quotes: the characters of RFC 4180, and `;`, the separator in locales with a decimal comma. */
const QUOTED_CHARACTERS = /[",;\r\n]/;

/**
 * Formats a cell. Containers' names and commands are untrusted. If a spreadsheet would evaluate the text as a formula
 * (CSV injection), adds a `'` before the formula. Does not change numbers.
 */
function toCell(value: string | number | null): string {
  if (value === null) return '';
  const text = typeof value === 'string' ? escapeFormulas(value) : String(value);
  return QUOTED_CHARACTERS.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const escapeFormulas = (value: string): string =>
  (FORMULA_CELL.test(value) ? `'${value}` : value).replace(FORMULA_INSIDE_CELL, "$1'$2");

/** Formats one CSV line (RFC 4180), including its CRLF. Spreadsheets evaluate none of its cells as a formula. */
export const toCsvLine = (cells: readonly (string | number | null)[]): string => `${cells.map(toCell).join(',')}\r\n`;
