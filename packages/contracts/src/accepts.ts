import { z } from 'zod';

/**
 * The optional snapshot features that the API supports. APIs older than this field omit it. An agent uses such a
 * feature only if the API lists it.
 */
export const Accepts = z.array(z.string());
export type Accepts = z.output<typeof Accepts>;

/** The feature `ports[].count`, which combines consecutive ports in one entry. */
export const ACCEPTS_PORT_RANGES = 'portRanges';
