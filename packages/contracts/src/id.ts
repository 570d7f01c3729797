import { z } from 'zod';

/**
 * The id of something that Muster stores, in lower case. Every variant and version of a UUID is one: what PostgreSQL takes
 * as a uuid is never refused in one place and unknown in another.
 */
export const Id = z.guid({ error: 'must be a UUID' }).toLowerCase();
