import { toCsvLine } from '@muster/contracts';
import type { Column } from './table.js';

/** The line of titles. */
export const csvTitles = <Row>(columns: readonly Column<Row>[]): string => toCsvLine(columns.map(({ title }) => title));

/** A row, with the texts for machines. */
export const csvLine = <Row>(columns: readonly Column<Row>[], row: Row): string =>
  toCsvLine(columns.map(({ raw, text }) => (raw ?? text)(row)));
