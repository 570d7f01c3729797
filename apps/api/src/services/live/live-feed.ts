import type { Database } from '@muster/db';
import { isContinued } from './database-history.js';
import { toContainerEvent } from './event-row.js';
import { FEED_START, formatPosition, isBehind, parsePosition, type FeedPosition } from './feed-position.js';
import { toFrame, type StreamFrame } from './stream-frame.js';
import { findWithheldEvents } from './find-withheld-events.sql.js';
import { findPosition, findLastEvent, readFeed, type FeedRow } from './read-feed.sql.js';

export interface LiveFeed {
  /** Where the history is complete: whatever is told from here on is all that was not committed before. */
  horizon(): Promise<FeedPlace>;

  /** The last event up to a position, which is what the stream sends as an id: unlike any position, it can be looked up. */
  lastEvent(organizationId: string, position: FeedPosition): Promise<FeedPosition>;

  /** What each organization's history has beyond a position, and how far it has been read: there is no more if no event came. */
  read(from: readonly FeedReader[]): Promise<ReadonlyMap<string, FeedPiece>>;

  /** Since when these organizations have committed events that the feed withholds; those without any are left out. */
  withheldSince(organizationIds: readonly string[]): Promise<ReadonlyMap<string, Date>>;

  /**
   * The position that an id of the stream stands for. Null: the history does not know it, or what follows began more
   * than a day ago. A position after which nothing happened stays good, however old it is.
   */
  placeOf(organizationId: string, eventId: string): Promise<FeedPosition | null>;

  /**
   * What somebody missed who was told up to `after`, piece by piece, until `until`. False at the end: it is not all, for
   * it would be too much.
   */
  missed(organizationId: string, after: FeedPosition, until: FeedPosition): AsyncGenerator<StreamFrame[], boolean>;
}

/** A position, which means something on one run of one server only. */
export interface FeedPlace {
  server: string;
  position: FeedPosition;
}

export interface FeedReader extends FeedPlace {
  organizationId: string;
}

export interface FeedPiece extends FeedPlace {
  frames: StreamFrame[];
  /** True: the reader's position is of a history that the database lost. What followed it there cannot be known. */
  isReset: boolean;
  /** False: all there is to be told now has been read. */
  hasMore: boolean;
}

/** What somebody who comes again is told of what was missed: events, and milliseconds. Lists are sooner read again. */
const MISSED_EVENTS_MAX = 10_000;
const MISSED_MS_MAX = 24 * 3_600_000;

export interface LiveFeedOptions {
  now: () => Date;
  missedEventsMax?: number;
}

export function createLiveFeed(db: Database, { now, missedEventsMax = MISSED_EVENTS_MAX }: LiveFeedOptions): LiveFeed {
  return {
    async horizon() {
      const { server, horizon } = await readFeed(db, []);
      return { server, position: { tx: horizon, id: 0n } };
    },

    async lastEvent(organizationId, { tx }) {
      return (await findLastEvent(db, organizationId, tx)) ?? FEED_START;
    },

    withheldSince: (organizationIds) => findWithheldEvents(db, organizationIds),

    async read(from) {
      const { server, horizon, rows } = await readFeed(db, from);
      const end = { tx: horizon, id: 0n };
      const byOrganization = new Map<string, FeedRow[]>(from.map(({ organizationId }) => [organizationId, []]));
      for (const row of rows) byOrganization.get(row.organizationId)?.push(row);
      const pieces = from.map(({ organizationId, server: serverBefore, position }): [string, FeedPiece] => {
        if (!isContinued({ server: serverBefore, horizon: position.tx }, { server, horizon })) {
          return [organizationId, { frames: [], server, position: end, isReset: true, hasMore: false }];
        }
        const found = byOrganization.get(organizationId) ?? [];
        const read = found.at(-1) ?? (isBehind(end, position) ? end : position);
        const place = { server, position: { tx: read.tx, id: read.id } };
        return [organizationId, { frames: toFrames(found), ...place, isReset: false, hasMore: found.length > 0 }];
      });
      return new Map(pieces);
    },

    async placeOf(organizationId, eventId) {
      const position = parsePosition(eventId);
      if (position === null) return null;
      const { hasEvent, nextRecordedAt } = await findPosition(db, organizationId, position);
      if (!hasEvent && isBehind(position, FEED_START)) return null;
      // Retention deletes the oldest events first: where this one is still there, none after it is gone.
      const missedMs = nextRecordedAt === null ? 0 : now().getTime() - nextRecordedAt.getTime();
      return missedMs <= MISSED_MS_MAX ? position : null;
    },

    async *missed(organizationId, after, until) {
      let position = after;
      let count = 0;
      for (;;) {
        const { rows } = await readFeed(db, [{ organizationId, position }]);
        const missed = rows.filter((row) => !isBehind(row, until));
        count += missed.length;
        if (count > missedEventsMax) return false;
        yield toFrames(missed);
        if (rows.length === 0 || missed.length < rows.length) return true;
        const { tx, id } = rows.at(-1)!;
        position = { tx, id };
      }
    },
  };
}

/** Of hosts that are there: the history of one that was deleted is on its way out. */
const toFrames = (rows: readonly FeedRow[]): StreamFrame[] =>
  rows
    .filter(({ deletedAt }) => deletedAt === null)
    .map((row) => {
      const { tx, id } = row;
      return toFrame({ event: 'container', id: formatPosition({ tx, id }), data: toContainerEvent(row) }, { tx, id });
    });
