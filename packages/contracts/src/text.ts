import { z } from 'zod';

const NUL_MESSAGE = 'must not contain a NUL character';

/** The same rule as a pattern, for the documents of schemas: there, a refinement says nothing. */
const NO_NUL_PATTERN = String.raw`^[^\u0000]*$`;

/**
 * A string that PostgreSQL can store and give back unchanged: no NUL (refused by text and by jsonb), and
 * well-formed UTF-16 (a lone surrogate becomes U+FFFD here, where it is documented, rather than in a driver).
 */
export const storable = (schema: z.ZodString) =>
  schema
    .refine((value) => !value.includes('\0'), { error: NUL_MESSAGE })
    .meta({ pattern: NO_NUL_PATTERN })
    .transform((value) => value.toWellFormed());

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

/**
 * A name that people give and look for: 1 to `max` characters of storable text with at least one character that can be
 * seen, without the white space around it.
 */
export const displayName = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((value) => value === '' || /\S/.test(value), { error: 'must not be blank' })
    .refine((value) => !value.includes('\0'), { error: NUL_MESSAGE })
    .meta({ pattern: String.raw`^[^\u0000]*[^\s\u0000][^\u0000]*$` })
    .transform((value) => value.toWellFormed().trim());
