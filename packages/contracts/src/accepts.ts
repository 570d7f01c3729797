import { z } from 'zod';

/**
 * Names of optional parts of the snapshot that an API understands; absent from the answers of one that knows none. An
 * agent sends such a part only to an API that names it.
 */
export const Accepts = z.array(z.string());
export type Accepts = z.output<typeof Accepts>;

/** `ports[].count`: consecutive ports as one entry. */
export const ACCEPTS_PORT_RANGES = 'portRanges';
