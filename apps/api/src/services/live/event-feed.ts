import type { StreamMessage } from '@muster/contracts';
import type { Database } from '@muster/db';
import { isSameHistory } from '../../lib/database-history.js';
import {
  toContainerEvent,
  toHostEvent,
  FEED_START,
  formatPosition,
  isPositionAfter,
  parsePosition,
  type FeedPosition,
} from '../inventory/index.js';
import { toFrame, type StreamFrame } from './frame.js';
import { findPosition, findLastEvent, readFeed, type FeedRow } from './read-feed.sql.js';

/** A position, which is valid only for one run of one database server. */
export interface FeedCheckpoint {
  server: string;
  position: FeedPosition;
}

export interface FeedCursor extends FeedCheckpoint {
  organizationId: string;
}

export interface FeedBatch extends FeedCheckpoint {
  frames: StreamFrame[];
  /**
   * True if the database may have lost the transactions before the reader's position. The events after this position
   * are then unknown.
   */
  isReset: boolean;
  /** False if all available events have been read. */
  hasMore: boolean;
}

/**
 * Maximum number of missed events that are sent to a returning client. For more events, reloading the lists is faster.
 */
export const MISSED_EVENTS_MAX = 10_000;

/** Maximum age of missed events in milliseconds. For older events, reloading the lists is faster. */
const MISSED_MS_MAX = 24 * 3_600_000;

/**
 * Returns the position up to which the history is complete. All events that are committed later come after this
 * position.
 */
export async function readHorizon(db: Database): Promise<FeedCheckpoint> {
  const { server, horizon } = await readFeed(db, []);
  return { server, position: { tx: horizon, id: 0n } };
}

/**
 * Returns the position of the last event before the transaction of the given position. The stream sends this position
 * as an id, because a position can be looked up later only if it is the position of an event.
 */
export async function findLastPosition(
  db: Database,
  organizationId: string,
  { tx }: FeedPosition,
): Promise<FeedPosition> {
  return (await findLastEvent(db, organizationId, tx)) ?? FEED_START;
}

/**
 * Reads each organization's events after a position, and returns the position up to which it read. A batch without
 * events is the last one.
 */
export async function readBatches(db: Database, from: readonly FeedCursor[]): Promise<ReadonlyMap<string, FeedBatch>> {
  const { server, horizon, rows } = await readFeed(db, from);
  const end = { tx: horizon, id: 0n };
  const byOrganization = new Map<string, FeedRow[]>(from.map(({ organizationId }) => [organizationId, []]));
  for (const row of rows) byOrganization.get(row.organizationId)?.push(row);
  const batches = from.map(({ organizationId, server: serverBefore, position }): [string, FeedBatch] => {
    if (!isSameHistory({ server: serverBefore, horizon: position.tx }, { server, horizon })) {
      return [organizationId, { frames: [], server, position: end, isReset: true, hasMore: false }];
    }
    const feedRows = byOrganization.get(organizationId) ?? [];
    const read = feedRows.at(-1) ?? (isPositionAfter(end, position) ? end : position);
    const checkpoint = { server, position: { tx: read.tx, id: read.id } };
    return [
      organizationId,
      { frames: toFrames(feedRows), ...checkpoint, isReset: false, hasMore: feedRows.length > 0 },
    ];
  });
  return new Map(batches);
}

/**
 * Returns the position of an id that the stream sent. Returns null if the history does not contain the id, or if the
 * event after the position is more than a day old. A position that no event follows never expires.
 */
export async function resolvePosition(
  db: Database,
  organizationId: string,
  eventId: string,
  now: () => Date,
): Promise<FeedPosition | null> {
  const position = parsePosition(eventId);
  if (position === null) return null;
  const { hasEvent, nextRecordedAt } = await findPosition(db, organizationId, position);
  if (!hasEvent && isPositionAfter(position, FEED_START)) return null;
  // Retention deletes the oldest events first, so if this event still exists, all events after it exist as well.
  const missedMs = nextRecordedAt === null ? 0 : now().getTime() - nextRecordedAt.getTime();
  return missedMs <= MISSED_MS_MAX ? position : null;
}

/**
 * Yields the events between the positions `after` and `until`, in batches, for a client that missed them. Returns false
 * if there are more than `eventsMax` events.
 */
export async function* readMissed(
  db: Database,
  organizationId: string,
  after: FeedPosition,
  until: FeedPosition,
  eventsMax: number,
): AsyncGenerator<StreamFrame[], boolean> {
  let position = after;
  let count = 0;
  for (;;) {
    const { rows } = await readFeed(db, [{ organizationId, position }]);
    const missed = rows.filter((row) => !isPositionAfter(row, until));
    count += missed.length;
    if (count > eventsMax) return false;
    yield toFrames(missed);
    if (rows.length === 0 || missed.length < rows.length) return true;
    const { tx, id } = rows.at(-1)!;
    position = { tx, id };
  }
}

const toMessage = (row: FeedRow): StreamMessage => {
  const id = formatPosition(row);
  return row.isHost
    ? { event: 'host-event', id, data: toHostEvent({ ...row, at: row.observedAt }) }
    : { event: 'container', id, data: toContainerEvent(row) };
};

/** Encodes events. Omits events of deleted hosts, whose history is being deleted. */
const toFrames = (rows: readonly FeedRow[]): StreamFrame[] =>
  rows
    .filter(({ deletedAt }) => deletedAt === null)
    .map((row) => {
      const { tx, id } = row;
      return toFrame(toMessage(row), { tx, id });
    });
