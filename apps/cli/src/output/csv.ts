import { toCsvLine } from '@muster/contracts';
import type { Column } from './table.js';

const fieldsOf = <Row>(columns: readonly Column<Row>[]) =>
  columns.filter(({ isWideOnly, isInCsv }) => !isWideOnly || isInCsv);

/** Formats the header line of a CSV file. */
export const csvHeader = <Row>(columns: readonly Column<Row>[]): string =>
  toCsvLine(fieldsOf(columns).map(({ title }) => title));

/** Formats a row as a CSV line. Uses each column's `raw` text if there is one. */
export const csvLine = <Row>(columns: readonly Column<Row>[], row: Row): string =>
  toCsvLine(fieldsOf(columns).map(({ raw, text }) => (raw ?? text)(row)));
