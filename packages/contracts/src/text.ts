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
 * The characters of the basic plane that draw nothing, as the inside of a regular expression's class: white space,
 * controls, direction marks, characters without a width, fillers, variation selectors and the blank braille pattern.
 */
const BLANK = String.raw`\s\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb`;

/** Any character that draws something; beyond the basic plane all do but Unicode's default ignorable ones. */
const VISIBLE = new RegExp(String.raw`(?!\p{Default_Ignorable_Code_Point})[^${BLANK}]`, 'u');

/** Whether anything of a text can be seen when it is shown. */
const isVisible = (value: string): boolean => VISIBLE.test(value);

/** A text of 1 to `max` UTF-16 units that PostgreSQL can store. A pattern in its documents is added by the caller. */
const nameText = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((value) => !value.includes('\0'), { error: NUL_MESSAGE });

/**
 * A name that people give and look for: 1 to `max` characters of storable text with at least one character that can be
 * seen, without the white space around it.
 */
export const displayName = (max: number) =>
  nameText(max)
    .refine((value) => value === '' || isVisible(value), { error: 'must have a character that can be seen' })
    .meta({ pattern: String.raw`^[^\u0000]*[^${BLANK}][^\u0000]*$` })
    .transform((value) => value.toWellFormed().trim());

/**
 * The name that a machine has for itself: as `displayName`, but one that cannot be seen becomes `substitute`, because
 * refusing it would keep the machine out.
 */
export const machineName = (max: number, substitute: string) =>
  nameText(max)
    .meta({ pattern: NO_NUL_PATTERN })
    .transform((value) => (isVisible(value) ? value.toWellFormed().trim() : substitute));
