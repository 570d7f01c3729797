import { z } from 'zod';

/**
 * The id of an object that Muster stores: a UUID of any variant and version, converted to lower case. Accepts every
 * UUID in this notation that PostgreSQL's `uuid` type accepts, so that paths and queries treat the same id alike.
 */
export const Id = z.guid({ error: 'must be a UUID' }).toLowerCase();
