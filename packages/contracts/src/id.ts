import { z } from 'zod';

/**
 * The id of an object that Muster stores: a UUID of any variant and version, converted to lower case. Accepts every
 * UUID with hyphens that PostgreSQL's `uuid` type accepts, so that an id is valid in queries whenever it is valid in
 * paths.
 */
export const Id = z.guid({ error: 'must be a UUID' }).toLowerCase();
