import { z } from 'zod';

/** Matches the results of `Date#toISOString` for the years 0 to 9999. */
export const MillisecondInstantPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The date-time format of RFC 3339, section 5.6, which allows lowercase `t` and `z`. */
export const InstantPattern = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

const FORMAT_MESSAGE = 'must be an RFC 3339 date and time, such as 2026-01-31T12:00:00Z';
const PLUS_DECODED_AS_SPACE_MESSAGE = 'contains a space instead of +: encode the + of the offset as %2B in a query';

/** Whether the input ends in an offset without a sign. Such an offset had a `+`, which was decoded as a space. */
const hasPlusDecodedAsSpace = (input: unknown): boolean => typeof input === 'string' && /\d \d\d:\d\d$/.test(input);

/**
 * An RFC 3339 instant with any offset, converted to UTC with milliseconds, as `Date#toISOString` returns it. Engines
 * report nanoseconds, but milliseconds suffice to distinguish two starts of a container, and every database driver
 * keeps them. Rejects years outside 0001 to 9999 in UTC, because PostgreSQL has no year 0, and RFC 3339 has no year
 * 10000.
 */
export const Instant = z
  .string()
  .regex(InstantPattern, {
    error: ({ input }) => (hasPlusDecodedAsSpace(input) ? PLUS_DECODED_AS_SPACE_MESSAGE : FORMAT_MESSAGE),
  })
  .toUpperCase()
  .meta({ format: 'date-time' })
  // Rejects days that do not exist, such as February 30, because `Date` would accept them.
  .pipe(z.iso.datetime({ offset: true, error: FORMAT_MESSAGE }))
  .transform((value, context) => {
    const instant = new Date(value);
    const year = instant.getUTCFullYear();
    if (!(year >= 1 && year <= 9999)) {
      context.issues.push({ code: 'custom', message: 'must be in the years 0001 to 9999', input: value });
      return z.NEVER;
    }
    return instant.toISOString();
  });
