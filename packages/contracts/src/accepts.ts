import { z } from 'zod';

/**
 * Optional snapshot features that the API supports. APIs from before this field leave it out. An agent uses such a
 * feature only if the API lists it.
 */
export const Accepts = z.array(z.string());
export type Accepts = z.output<typeof Accepts>;

/** The API reads `ports[].count`: consecutive ports in one entry. */
export const ACCEPTS_PORT_RANGES = 'portRanges';
