import { z } from 'zod';
import { Accepts } from './accepts.js';
import { Cadence } from './cadence.js';

const Count = z.int().nonnegative();

/**
 * The reason why a snapshot was stale: its sequence did not increase, its stream was superseded by another run of the
 * agent, or it was observed before the stored state.
 */
export const StaleReason = z.enum(['sequence_not_rising', 'stream_superseded', 'observed_earlier']);
export type StaleReason = z.output<typeof StaleReason>;

/**
 * The response to a snapshot. `created`, `updated` and `removed` count rows that the database wrote, and `unchanged`
 * counts rows that it did not need to write. If `applied` is false, nothing of the snapshot was written and `reason` is
 * set. `revision` increases with each change of the host's rows. `digest` is opaque, and a heartbeat sends it to
 * confirm that nothing changed since this snapshot. `digest` is null if the last applied snapshot was incomplete, or if
 * no snapshot was applied.
 */
export const SyncSummary = z.object({
  hostId: z.uuid(),
  applied: z.boolean(),
  reason: StaleReason.optional(),
  received: Count,
  created: Count,
  updated: Count,
  unchanged: Count,
  removed: Count,
  revision: Count,
  digest: z.string().nullable(),
  cadence: Cadence,
  accepts: Accepts.optional(),
});
export type SyncSummary = z.output<typeof SyncSummary>;
