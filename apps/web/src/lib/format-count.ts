/** Formats a count with the thousands separators of the user's locale. */
export const formatNumber = (value: number): string => value.toLocaleString();

/** Formats a count with its noun, in the singular for 1. */
export const formatCount = (value: number, singular: string, plural = `${singular}s`): string =>
  `${formatNumber(value)} ${value === 1 ? singular : plural}`;
