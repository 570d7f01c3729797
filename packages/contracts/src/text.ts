import { z } from 'zod';

const NUL_MESSAGE = 'must not contain a NUL character';

/**
 * A string that PostgreSQL can store and give back unchanged: no NUL (refused by text and by jsonb), and
 * well-formed UTF-16 (a lone surrogate becomes U+FFFD here, where it is documented, rather than in a driver).
 */
export const storable = (schema: z.ZodString) =>
  schema.refine((value) => !value.includes('\0'), { error: NUL_MESSAGE }).transform((value) => value.toWellFormed());

/** `storable` without a schema, for where there are thousands of texts: the text to keep, or what is wrong with it. */
export function toStorable(value: unknown): { text: string } | { message: string } {
  if (typeof value !== 'string') return { message: 'must be a string' };
  return value.includes('\0') ? { message: NUL_MESSAGE } : { text: value.toWellFormed() };
}

/** `storable` text of `min` to `max` UTF-16 units, without a `max` of any length. */
export const text = (min: number, max?: number) =>
  storable(max === undefined ? z.string().min(min) : z.string().min(min).max(max));

/** The first `max` UTF-16 units of well-formed text, one fewer where that would split a surrogate pair. */
export function shortenText(value: string, max: number): string {
  if (value.length <= max) return value;
  const last = value.charCodeAt(max - 1);
  return value.slice(0, last >= 0xd800 && last <= 0xdbff ? max - 1 : max);
}
