import { toCsvLine } from '@muster/contracts';
import type { Column } from './table.js';

/** Formats the header line. */
export const csvHeader = <Row>(columns: readonly Column<Row>[]): string => toCsvLine(columns.map(({ title }) => title));

/** Formats a row, with each column's `raw` text if it has one. */
export const csvLine = <Row>(columns: readonly Column<Row>[], row: Row): string =>
  toCsvLine(columns.map(({ raw, text }) => (raw ?? text)(row)));
