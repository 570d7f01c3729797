import { z } from 'zod';
import { Accepts } from './accepts.js';
import { Cadence } from './cadence.js';

const Count = z.int().nonnegative();

/**
 * Why a snapshot was stale: its sequence did not increase, another run of the agent superseded its stream, or the
 * snapshot is older than the stored state.
 */
export const StaleReason = z.enum(['sequence_not_rising', 'stream_superseded', 'observed_earlier']);
export type StaleReason = z.output<typeof StaleReason>;

/**
 * The response to a snapshot. `created`, `updated` and `removed` count the rows that the database wrote. `unchanged`
 * counts the rows that were already equal to the snapshot. If `applied` is false, nothing of the snapshot was written
 * and `reason` is set. `revision` increases with each change of the host's rows. `digest` identifies the snapshot;
 * clients must treat it as opaque. Agents send it in heartbeats to confirm that nothing has changed since this
 * snapshot. `digest` is null if the last applied snapshot was incomplete, or if no snapshot was applied.
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
