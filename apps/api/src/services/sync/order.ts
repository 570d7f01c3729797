import type { StaleReason } from '@muster/contracts';

/** Milliseconds within which a stream counts as alive, and after which a superseded one should have fallen silent. */
export const STREAM_ALIVE_MS = 60_000;

/** Milliseconds for which a suspected clone counts: long enough for someone to see it the next morning. */
export const CLONE_SUSPECTED_MS = 24 * 3_600_000;

/** How many superseded streams a host remembers. */
export const SUPERSEDED_STREAMS_KEPT = 8;

/** Where a snapshot stands among those of one run of an agent. */
export interface SnapshotOrder {
  stream: string;
  sequence: number;
}

/** What a host remembers of the order in which it was told things. */
export interface HostOrder {
  stream: string | null;
  sequence: number | null;
  observedAt: Date | null;
  streamHeardAt: Date | null;
  supersededStreams: readonly { stream: string; at: Date }[];
}

/** When a snapshot was observed (never later than its receipt) and received. */
export interface SnapshotTimes {
  observedAt: Date;
  receivedAt: Date;
}

export type OrderVerdict = { current: true } | { current: false; reason: StaleReason; cloneSuspected: boolean };

/** A host's clock may run ahead of ours, but nothing can have been observed after we received it. */
export const clampToReceipt = (observedAt: Date | null, receivedAt: Date): Date =>
  observedAt !== null && observedAt < receivedAt ? observedAt : receivedAt;

/**
 * Whether a snapshot may replace what the host has. Within a stream the sequence must rise. A superseded stream is
 * stale for good, and one that reports what it observed more than a minute after it was superseded is a second machine
 * with the same token; what it observed before comes from the journal of the agent that was restarted.
 * A stream never seen is current whatever its clock says, for it is the agent after a restart, unless it was
 * observed before what we have while the stream that told us is still alive: a late request of an earlier run.
 * A snapshot without an order is taken as it comes.
 *
 * `orderTest` in services/sync/host-order.sql.ts says the same in SQL; a test holds the two equal.
 */
export function judgeOrder(
  host: HostOrder,
  order: SnapshotOrder | null,
  { observedAt, receivedAt }: SnapshotTimes,
): OrderVerdict {
  if (order === null) return { current: true };
  if (order.stream === host.stream) {
    return host.sequence === null || order.sequence > host.sequence
      ? { current: true }
      : { current: false, reason: 'sequence_not_rising', cloneSuspected: false };
  }
  const superseded = host.supersededStreams.find(({ stream }) => stream === order.stream);
  if (superseded) {
    const cloneSuspected = observedAt.getTime() - superseded.at.getTime() > STREAM_ALIVE_MS;
    return { current: false, reason: 'stream_superseded', cloneSuspected };
  }
  // What lies far in the future was stored by a clock that was ahead, and says nothing about then.
  const currentIsAlive =
    host.streamHeardAt !== null && Math.abs(receivedAt.getTime() - host.streamHeardAt.getTime()) < STREAM_ALIVE_MS;
  const isEarlier =
    host.observedAt !== null &&
    observedAt < host.observedAt &&
    host.observedAt.getTime() - receivedAt.getTime() < STREAM_ALIVE_MS;
  return currentIsAlive && isEarlier
    ? { current: false, reason: 'observed_earlier', cloneSuspected: false }
    : { current: true };
}
