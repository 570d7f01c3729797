import { z } from 'zod';

const NUL_MESSAGE = 'must not contain a NUL character';

/**
 * The pattern of text without NUL. The OpenAPI document needs this pattern, because JSON Schema cannot express a
 * refinement of zod.
 */
const NO_NUL_PATTERN = String.raw`^[^\u0000]*$`;

/**
 * A string that PostgreSQL can store and return unchanged. Rejects NUL, which `text` and `jsonb` cannot store. Replaces
 * lone surrogates with U+FFFD, so that the stored text does not depend on the driver.
 */
export const storableText = (schema: z.ZodString) =>
  schema
    .refine((value) => !value.includes('\0'), { error: NUL_MESSAGE })
    .meta({ pattern: NO_NUL_PATTERN })
    .transform((value) => value.toWellFormed());

/**
 * Does the same as `storableText`, but without the cost of a schema, for callers with thousands of strings. Returns the
 * text to store or the error.
 */
export function toStorable(value: unknown): { text: string } | { message: string } {
  if (typeof value !== 'string') return { message: 'must be a string' };
  return value.includes('\0') ? { message: NUL_MESSAGE } : { text: value.toWellFormed() };
}

/** A storable string of `min` to `max` UTF-16 code units. Without `max`, its length is unlimited. */
export const text = (min: number, max?: number) =>
  storableText(max === undefined ? z.string().min(min) : z.string().min(min).max(max));

/** Truncates well-formed text to `max` UTF-16 code units, or to one fewer if that would split a surrogate pair. */
export function shortenText(value: string, max: number): string {
  if (value.length <= max) return value;
  const last = value.charCodeAt(max - 1);
  return value.slice(0, last >= 0xd800 && last <= 0xdbff ? max - 1 : max);
}

/**
 * The invisible characters of the Basic Multilingual Plane, as the content of a character class: white space, control
 * characters, bidirectional marks, zero-width characters, fillers, variation selectors and the blank braille pattern.
 */
const INVISIBLE_CHARACTERS = String.raw`\s\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb`;

/**
 * Matches a visible character. Outside the Basic Multilingual Plane, only default ignorable code points count as
 * invisible.
 */
const VISIBLE_CHARACTER = new RegExp(String.raw`(?!\p{Default_Ignorable_Code_Point})[^${INVISIBLE_CHARACTERS}]`, 'u');

/** Whether a text has at least one visible character. */
const isVisible = (value: string): boolean => VISIBLE_CHARACTER.test(value);

/** A string of 1 to `max` UTF-16 code units without NUL. The caller adds the pattern for JSON Schema. */
const nameText = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((value) => !value.includes('\0'), { error: NUL_MESSAGE });

/**
 * A name that people choose and search for: 1 to `max` characters of storable text with at least one visible character.
 * Trims white space.
 */
export const displayName = (max: number) =>
  nameText(max)
    .refine((value) => value === '' || isVisible(value), { error: 'must contain a visible character' })
    .meta({ pattern: String.raw`^[^\u0000]*[^${INVISIBLE_CHARACTERS}][^\u0000]*$` })
    .transform((value) => value.toWellFormed().trim());

/**
 * A name that a machine reports. Like `displayName`, but replaces a name without a visible character with `substitute`.
 * Rejecting such a name would prevent the machine from enrolling.
 */
export const machineName = (max: number, substitute: string) =>
  nameText(max)
    .meta({ pattern: NO_NUL_PATTERN })
    .transform((value) => (isVisible(value) ? value.toWellFormed().trim() : substitute));
