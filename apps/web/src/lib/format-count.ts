/** The formatter is created only once, because `toLocaleString` creates a new one for each call. */
const NUMBER_FORMAT = new Intl.NumberFormat();

/** Formats a count with the thousands separators of the user's locale. */
export const formatNumber = (value: number): string => NUMBER_FORMAT.format(value);

/** Formats a count with its noun, in the singular for 1. */
export const formatCount = (value: number, singular: string, plural = `${singular}s`): string =>
  `${formatNumber(value)} ${value === 1 ? singular : plural}`;
