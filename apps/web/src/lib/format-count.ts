/** A count, with its thousands apart, as the reader's language has them. */
export const count = (value: number): string => value.toLocaleString();

/** A count with its word, in the singular where it is one. */
export const counted = (value: number, word: string, words = `${word}s`): string =>
  `${count(value)} ${value === 1 ? word : words}`;
