import { z } from 'zod';
import { Accepts } from './accepts.js';
import { Cadence } from './cadence.js';

const Count = z.int().nonnegative();

/** Why a snapshot was not applied: its sequence did not rise, its stream was superseded, or it was seen too early. */
export const StaleReason = z.enum(['sequence_not_rising', 'stream_superseded', 'observed_earlier']);
export type StaleReason = z.output<typeof StaleReason>;

/**
 * The answer to a snapshot. The counts are of rows that the database really wrote (`unchanged`: left alone).
 * `applied: false` comes with a `reason`, and means that nothing of the snapshot was written. `revision` rises with
 * each change of the host's rows; `digest` is opaque, and what a heartbeat sends to say "still as in that
 * snapshot": null until a complete snapshot has been applied.
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
