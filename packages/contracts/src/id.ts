import { z } from 'zod';

/**
 * The id of an object that Muster stores: a UUID of any variant and version, converted to lower case. Accepts the same
 * UUIDs with hyphens as PostgreSQL's type `uuid`. An id that is valid in a path is therefore also valid in a query.
 */
export const Id = z.guid({ error: 'must be a UUID' }).toLowerCase();
