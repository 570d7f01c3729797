import { toCsvLine } from '@muster/contracts';
import type { Column } from './table.js';

/** Formats the header line of a CSV file. */
export const csvHeader = <Row>(columns: readonly Column<Row>[]): string => toCsvLine(columns.map(({ title }) => title));

/** Formats a row as a CSV line. Uses each column's `raw` text if there is one. */
export const csvLine = <Row>(columns: readonly Column<Row>[], row: Row): string =>
  toCsvLine(columns.map(({ raw, text }) => (raw ?? text)(row)));
