import type { SyncSummary } from '@muster/contracts';
import type { SnapshotOrder } from '../muster/client.js';

/** Orders one run's snapshots by a stream id and a sequence number. The sequence number increases with each attempt. */
export interface SnapshotStream {
  /** Returns the current stream id. */
  current(): string;
  /**
   * Returns the stream id and sequence number of the next snapshot. A retry gets a new number, because the previous
   * attempt may have been applied.
   */
  next(observedAt: Date): SnapshotOrder;
  /** Records an answer. `now` is monotonic time in milliseconds. Returns true if a new stream begins. */
  recordAnswer(summary: Pick<SyncSummary, 'reason' | 'revision'>, now: number): boolean;
}

/**
 * If the agent that superseded this agent reports no change for this many milliseconds, this agent takes over again.
 */
export const SUPERSEDED_QUIET_MS = 600_000;

/**
 * Creates a stream with ids from `uuid`. Another agent with the same token can supersede the stream. No new stream
 * begins then, because the two agents would undo each other's snapshots forever. A new stream begins only after the
 * host's revision has not changed for `SUPERSEDED_QUIET_MS`. By then, the other agent has probably stopped, and this
 * machine should report again.
 */
export function createSnapshotStream(uuid: () => string): SnapshotStream {
  let stream = uuid();
  let sequence = 0;
  let superseded: { revision: number; since: number } | null = null;
  return {
    current: () => stream,
    next: (observedAt) => ({ stream, sequence: ++sequence, observedAt }),
    recordAnswer({ reason, revision }, now) {
      if (reason !== 'stream_superseded') {
        superseded = null;
      } else if (superseded === null || superseded.revision !== revision) {
        superseded = { revision, since: now };
      } else if (now - superseded.since >= SUPERSEDED_QUIET_MS) {
        superseded = null;
        stream = uuid();
        sequence = 0;
        return true;
      }
      return false;
    },
  };
}
