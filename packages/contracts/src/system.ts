import { z } from 'zod';
import { Id } from './id.js';

/** A server process that uses the database. */
export const Replica = z.object({
  id: Id,
  version: z.string(),
  startedAt: z.iso.datetime(),
  lastSeenAt: z.iso.datetime(),
});
export type Replica = z.output<typeof Replica>;

export const System = z.object({
  /** The version of the process that answered. */
  version: z.string(),
  database: z.object({
    /** `embedded`: PostgreSQL inside the server process, in its data directory. `postgresql`: a PostgreSQL server. */
    kind: z.enum(['embedded', 'postgresql']),
    /** The version of PostgreSQL, for example `18.1`. */
    version: z.string(),
  }),
  /**
   * The processes that recorded themselves within the last minute, oldest first. Processes of versions before 0.3.0 do
   * not record themselves.
   */
  replicas: z.array(Replica),
});
export type System = z.output<typeof System>;
