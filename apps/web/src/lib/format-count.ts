/** Formats a count with the thousands separators of the user's locale. */
export const count = (value: number): string => value.toLocaleString();

/** Formats a count with its noun, in the singular for 1. */
export const counted = (value: number, word: string, words = `${word}s`): string =>
  `${count(value)} ${value === 1 ? word : words}`;
