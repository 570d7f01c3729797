import type { SyncSummary } from '@muster/contracts';
import type { SnapshotOrder } from '../muster/client.js';

/** The order of one run's snapshots: a stream of its own, and a number that rises with each try. */
export interface SnapshotStream {
  current(): string;
  /** The order of the next snapshot. A repeated try gets a new number: the one before may have been applied. */
  next(observedAt: Date): SnapshotOrder;
  /** To be told each answer; `now` is monotonic milliseconds. True when a new stream was begun because of it. */
  answered(summary: Pick<SyncSummary, 'reason' | 'revision'>, now: number): boolean;
}

/** How long the agent that took over must have changed nothing before this one takes over in turn. */
export const SUPERSEDED_QUIET_MS = 600_000;

/**
 * A stream with identities from `uuid`. One that another agent with this token superseded stays behind it, or the
 * two would undo each other's snapshots for ever; but not for good, or a clone that was stopped would have silenced
 * the machine that it came from: when the host's revision has not moved for `SUPERSEDED_QUIET_MS`, a new one begins.
 */
export function createSnapshotStream(uuid: () => string): SnapshotStream {
  let stream = uuid();
  let sequence = 0;
  let superseded: { revision: number; since: number } | null = null;
  return {
    current: () => stream,
    next: (observedAt) => ({ stream, sequence: ++sequence, observedAt }),
    answered({ reason, revision }, now) {
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
