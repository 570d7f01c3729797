import { z } from 'zod';

/** The form of what `Date#toISOString` writes for the years 0 to 9999. */
export const MillisecondInstantPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/**
 * An RFC 3339 instant with any offset, made canonical: UTC, to the millisecond, as `Date#toISOString` writes it.
 * Engines give nanoseconds; a millisecond tells two starts of a container apart and survives every driver.
 * Years outside 0001 to 9999, once in UTC, are refused: PostgreSQL has no year 0 and RFC 3339 no year 10000.
 */
export const Instant = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 date and time, such as 2026-01-31T12:00:00Z' })
  .transform((value, context) => {
    const instant = new Date(value);
    const year = instant.getUTCFullYear();
    if (!(year >= 1 && year <= 9999)) {
      context.issues.push({ code: 'custom', message: 'must lie in the years 0001 to 9999', input: value });
      return z.NEVER;
    }
    return instant.toISOString();
  });
