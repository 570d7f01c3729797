import type { StaleReason } from '@muster/contracts';

/**
 * Milliseconds for which a stream counts as alive after it was last seen. If a superseded stream continues for longer
 * than this, a clone is suspected.
 */
export const STREAM_ALIVE_MS = 60_000;

/** Milliseconds for which a suspected clone is reported, so that it is still noticed the next morning. */
export const CLONE_SUSPECTED_MS = 24 * 3_600_000;

/** Maximum number of superseded streams stored per host. */
export const SUPERSEDED_STREAMS_KEPT = 8;

/** A snapshot's position within one run of an agent. */
export interface SnapshotOrder {
  stream: string;
  sequence: number;
}

/** The stored order of a host's snapshots. */
export interface HostOrder {
  stream: string | null;
  sequence: number | null;
  observedAt: Date | null;
  streamHeardAt: Date | null;
  supersededStreams: readonly { stream: string; at: Date }[];
}

/** When a snapshot was observed and when it was received. `observedAt` is never later than `receivedAt`. */
export interface SnapshotTimes {
  observedAt: Date;
  receivedAt: Date;
}

export type OrderResult = { isCurrent: true } | { isCurrent: false; reason: StaleReason; isCloneSuspected: boolean };

/** Clamps an observation to the time of receipt, because a host's clock may be ahead. */
export const clampToReceipt = (observedAt: Date | null, receivedAt: Date): Date =>
  observedAt !== null && observedAt < receivedAt ? observedAt : receivedAt;

/**
 * Decides whether a snapshot may replace the host's current state.
 * - Same stream: the sequence must increase.
 * - Superseded stream: always stale. If the snapshot was observed more than a minute after the stream was superseded, a
 *   second machine has the same token. A snapshot that was observed earlier comes from the journal of an agent that was
 *   restarted.
 * - New stream: current, regardless of the agent's clock, because the stream belongs to the agent after a restart. The
 *   exception is a late request of an earlier run: its snapshot was observed before the stored state, and the current
 *   stream is alive.
 * - No order: always applied.
 *
 * `orderCondition` in services/sync/host-order.sql.ts implements the same rule in SQL. A test checks that both
 * implementations agree.
 */
export function checkOrder(
  host: HostOrder,
  order: SnapshotOrder | null,
  { observedAt, receivedAt }: SnapshotTimes,
): OrderResult {
  if (order === null) return { isCurrent: true };
  if (order.stream === host.stream) {
    return host.sequence === null || order.sequence > host.sequence
      ? { isCurrent: true }
      : { isCurrent: false, reason: 'sequence_not_rising', isCloneSuspected: false };
  }
  const superseded = host.supersededStreams.find(({ stream }) => stream === order.stream);
  if (superseded) {
    const isCloneSuspected = observedAt.getTime() - superseded.at.getTime() > STREAM_ALIVE_MS;
    return { isCurrent: false, reason: 'stream_superseded', isCloneSuspected };
  }
  // If a stored instant is far ahead of the time of receipt, the API's clock has been set back since. The instant then
  // proves nothing.
  const currentIsAlive =
    host.streamHeardAt !== null && Math.abs(receivedAt.getTime() - host.streamHeardAt.getTime()) < STREAM_ALIVE_MS;
  const isEarlier =
    host.observedAt !== null &&
    observedAt < host.observedAt &&
    host.observedAt.getTime() - receivedAt.getTime() < STREAM_ALIVE_MS;
  return currentIsAlive && isEarlier
    ? { isCurrent: false, reason: 'observed_earlier', isCloneSuspected: false }
    : { isCurrent: true };
}
