import { z } from 'zod';

/**
 * The reporting intervals that the server sets for an agent, in seconds: between two heartbeats, and between two
 * snapshots of an unchanged host. Every successful response to an agent contains these intervals, unless it has no
 * body, so that the server can slow down a whole fleet.
 */
export const Cadence = z.object({
  heartbeatSeconds: z.number().positive(),
  snapshotSeconds: z.number().positive(),
});
export type Cadence = z.output<typeof Cadence>;

/** The default cadence. */
export const CADENCE_DEFAULT: Cadence = { heartbeatSeconds: 10, snapshotSeconds: 60 };
