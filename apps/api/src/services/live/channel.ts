import { createYielder } from '../../lib/yielder.js';
import type { FreshnessSource } from '../freshness/index.js';
import type { FeedPosition } from '../inventory/index.js';
import { findLastPosition, readHorizon } from './event-feed.js';
import { findWithheldEvents } from './find-withheld-events.sql.js';
import { toChunk, type StreamFrame } from './frame.js';
import { pollHosts, type HostFingerprints } from './host-changes.js';
import type { StreamListener } from './listener.js';

/** An instant as shown by the database clock and by the monotonic clock that measures durations. */
export interface Instant {
  at: Date;
  elapsedMs: number;
}

/** The stream of one organization that has listeners. */
export interface Channel {
  organizationId: string;
  /** The run of the database server to which `position` belongs. */
  server: string;
  /** All events up to this position have been sent. */
  position: FeedPosition;
  hosts: HostFingerprints;
  listeners: Set<StreamListener>;
  /** The summary last sent to all listeners, as JSON without `at`; null before the first summary. */
  summary: string | null;
  /** The last event up to `position`. Listeners receive its id, from which they can resume. */
  lastEvent: FeedPosition;
  positionSentAtMs: number;
  /**
   * When the oldest withheld event was recorded; null if no event is withheld. A committed event is withheld while an
   * earlier transaction is still open.
   */
  withheldSince: Date | null;
  eventsRead: Instant;
  hostsRead: Instant;
  /** The `since` of the last `lagging` message; null while the stream does not lag. */
  laggingSince: string | null;
}

/** Reads the state at which an organization's stream begins. Returns a channel without listeners. */
export async function openChannel(
  source: FreshnessSource,
  organizationId: string,
  instant: () => Instant,
): Promise<Channel> {
  const { db } = source;
  // The position in the history is read before the hosts. A change between the two reads is never missed, but may be
  // sent although the hosts already include the change.
  const eventsRead = instant();
  const withheldSince = (await findWithheldEvents(db, [organizationId])).get(organizationId) ?? null;
  const checkpoint = await readHorizon(db);
  const lastEvent = await findLastPosition(db, organizationId, checkpoint.position);
  const hostsRead = instant();
  const hosts = (await pollHosts(source, [organizationId])).get(organizationId) ?? new Map<string, never>();
  return {
    organizationId,
    ...checkpoint,
    lastEvent,
    withheldSince,
    eventsRead,
    hostsRead,
    hosts,
    listeners: new Set(),
    summary: null,
    positionSentAtMs: instant().elapsedMs,
    laggingSince: null,
  };
}

/** Returns the instant since which the stream may lack changes; null if that instant is at most `laggingMs` ago. */
export function laggingSince(
  { withheldSince, eventsRead, hostsRead }: Channel,
  now: Instant,
  laggingMs: number,
): string | null {
  const isLate = withheldSince !== null && now.at.getTime() - withheldSince.getTime() > laggingMs;
  const unread = [eventsRead, hostsRead].filter((read) => now.elapsedMs - read.elapsedMs > laggingMs);
  const lateInstants = [...(isLate ? [withheldSince] : []), ...unread.map(({ at }) => at)];
  return lateInstants.length === 0 ? null : new Date(Math.min(...lateInstants.map((at) => at.getTime()))).toISOString();
}

/** Sends messages to those listeners of a channel whose filters match. */
export async function emitToAll({ listeners }: Channel, frames: readonly StreamFrame[]): Promise<void> {
  if (frames.length === 0) return;
  const all = toChunk(frames);
  const yielder = createYielder();
  for (const listener of [...listeners]) {
    listener.emit(frames, all);
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
  }
}
