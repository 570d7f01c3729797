import { z } from 'zod';

/** The form of what `Date#toISOString` writes for the years 0 to 9999. */
export const MillisecondInstantPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The form of RFC 3339, 5.6, whose letters may be small. */
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

const FORM_MESSAGE = 'must be an RFC 3339 date and time, such as 2026-01-31T12:00:00Z';
const LOST_PLUS_MESSAGE = 'has a space where a + was: in a query, send the + of an offset as %2B';

/** Whether it ends as an offset does whose + was decoded as a space. */
const hasLostPlus = (input: unknown): boolean => typeof input === 'string' && /\d \d\d:\d\d$/.test(input);

/**
 * An RFC 3339 instant with any offset, made canonical: UTC, to the millisecond, as `Date#toISOString` writes it.
 * Engines give nanoseconds; a millisecond tells two starts of a container apart and survives every driver.
 * Years outside 0001 to 9999, once in UTC, are refused: PostgreSQL has no year 0 and RFC 3339 no year 10000.
 */
export const Instant = z
  .string()
  .regex(RFC_3339, { error: ({ input }) => (hasLostPlus(input) ? LOST_PLUS_MESSAGE : FORM_MESSAGE) })
  .toUpperCase()
  .meta({ format: 'date-time' })
  // Knows how many days a month has, which `Date` does not mind.
  .pipe(z.iso.datetime({ offset: true, error: FORM_MESSAGE }))
  .transform((value, context) => {
    const instant = new Date(value);
    const year = instant.getUTCFullYear();
    if (!(year >= 1 && year <= 9999)) {
      context.issues.push({ code: 'custom', message: 'must lie in the years 0001 to 9999', input: value });
      return z.NEVER;
    }
    return instant.toISOString();
  });
