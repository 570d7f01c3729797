import { z } from 'zod';

/**
 * A string that PostgreSQL can store and give back unchanged: no NUL (refused by text and by jsonb), and
 * well-formed UTF-16 (a lone surrogate becomes U+FFFD here, where it is documented, rather than in a driver).
 */
export const storable = (schema: z.ZodString) =>
  schema
    .refine((value) => !value.includes('\0'), { error: 'must not contain a NUL character' })
    .transform((value) => value.toWellFormed());

/** `storable` text of `min` to `max` UTF-16 units. */
export const text = (min: number, max: number) => storable(z.string().min(min).max(max));
