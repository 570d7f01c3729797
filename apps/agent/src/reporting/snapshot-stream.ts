import type { SyncSummary } from '@muster/contracts';
import type { SnapshotOrder } from '../muster/client.js';

/** The order of one run's snapshots: a stream id, and a sequence number that rises with each attempt. */
export interface SnapshotStream {
  current(): string;
  /**
   * Returns the order of the next snapshot. A retry gets a new number, because the previous attempt may have been
   * applied.
   */
  next(observedAt: Date): SnapshotOrder;
  /** Records an answer. `now` is monotonic milliseconds. Returns true if it began a new stream. */
  recordAnswer(summary: Pick<SyncSummary, 'reason' | 'revision'>, now: number): boolean;
}

/** How long the superseding agent must have changed nothing before this one takes over again. */
export const SUPERSEDED_QUIET_MS = 600_000;

/**
 * Creates a stream with ids from `uuid`. A stream that another agent with this token superseded stays superseded, or
 * the two agents would undo each other's snapshots forever. It is not permanent, because a clone that was stopped must
 * not silence the original machine: if the host's revision has not changed for `SUPERSEDED_QUIET_MS`, a new stream
 * begins.
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
