import { z } from 'zod';

/**
 * The optional snapshot features that the API supports. Older APIs do not send this list. An agent uses an optional
 * feature only if the API lists it.
 */
export const Accepts = z.array(z.string());
export type Accepts = z.output<typeof Accepts>;

/** The feature `ports[].count`, which combines consecutive ports in one entry. */
export const ACCEPTS_PORT_RANGES = 'portRanges';
