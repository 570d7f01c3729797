/** Characters that begin a formula in a spreadsheet, also in their full-width form. */
const FORMULA = '=+\\-@\uff1d\uff0b\uff0d\uff20';

/** A cell that a spreadsheet runs as a formula; some ignore white space before it. */
const STARTS_FORMULA = new RegExp(`^[\\t\\r\\n${FORMULA}]`);

/** The start of a formula in a cell that another program ends earlier, because it separates cells by `;`, tab or lines. */
const STARTS_FORMULA_WITHIN = new RegExp(`([;\\t\\r\\n]"*)([${FORMULA}])`, 'g');

/** What has to be in quotes (RFC 4180), and `;`, which separates cells where the decimal separator is a comma. */
const TO_QUOTE = /[",;\r\n]/;

/**
 * Formats a cell. Text that a spreadsheet would run as a formula gets a `'` before it, so that a container's name or
 * command is only ever text on the machine that opens the file; numbers stay as they are.
 */
function toCell(value: string | number | null): string {
  if (value === null) return '';
  const text = typeof value === 'string' ? asText(value) : String(value);
  return TO_QUOTE.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const asText = (value: string): string =>
  (STARTS_FORMULA.test(value) ? `'${value}` : value).replace(STARTS_FORMULA_WITHIN, "$1'$2");

/** Formats one line of CSV (RFC 4180), its CRLF included, in which no spreadsheet finds a formula. */
export const toCsvLine = (cells: readonly (string | number | null)[]): string => `${cells.map(toCell).join(',')}\r\n`;
