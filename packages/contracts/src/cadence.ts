import { z } from 'zod';

/**
 * The reporting intervals that the server sets for an agent, in seconds: between two heartbeats, and between two
 * snapshots of an unchanged host. The server sends these intervals in every successful response to an agent, except in
 * responses without a body. The server can therefore slow down a whole fleet.
 */
export const Cadence = z.object({
  heartbeatSeconds: z.number().positive(),
  snapshotSeconds: z.number().positive(),
});
export type Cadence = z.output<typeof Cadence>;

/** The default cadence. */
export const CADENCE_DEFAULT: Cadence = { heartbeatSeconds: 10, snapshotSeconds: 60 };
