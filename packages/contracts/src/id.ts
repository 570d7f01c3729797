import { z } from 'zod';

/**
 * The id of an object that Muster stores: a UUID of any variant and version, converted to lower case. It accepts all
 * that PostgreSQL's `uuid` type does in this notation, so that a path and a query treat the same id alike.
 */
export const Id = z.guid({ error: 'must be a UUID' }).toLowerCase();
