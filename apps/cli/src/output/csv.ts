import type { Column } from './table.js';

/** A spreadsheet runs a field that begins with one of these as a formula: an apostrophe before it makes it text. */
const FORMULA = /^[=+\-@\t\r]/;

const field = (text: string): string => {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

const line = (fields: readonly string[]): string => `${fields.map(field).join(',')}\r\n`;

/** The line of titles, by RFC 4180. */
export const csvTitles = <Row>(columns: readonly Column<Row>[]): string => line(columns.map(({ title }) => title));

/** A row, by RFC 4180, in which no spreadsheet finds a formula. */
export const csvLine = <Row>(columns: readonly Column<Row>[], row: Row): string =>
  line(columns.map(({ raw, text }) => (raw ?? text)(row)));
