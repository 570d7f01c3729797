import { z } from 'zod';

/**
 * The pace that the server asks of an agent; it comes back on every answer, so that a fleet can be slowed from
 * one place. Both in seconds, between two heartbeats and between two snapshots of an unchanging host.
 */
export const Cadence = z.object({
  heartbeatSeconds: z.number().positive(),
  snapshotSeconds: z.number().positive(),
});
export type Cadence = z.output<typeof Cadence>;

/** The pace where nobody asks for another. */
export const CADENCE_DEFAULT: Cadence = { heartbeatSeconds: 10, snapshotSeconds: 60 };
