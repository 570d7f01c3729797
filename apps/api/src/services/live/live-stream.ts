import type { StreamQuery } from '@muster/contracts';
import type { Logger } from 'pino';
import { formatPosition, type FeedPosition } from './feed-position.js';
import { positionBytes, retryAfter, toFrame, type StreamFrame } from './stream-frame.js';
import { OverloadedError } from '../../errors.js';
import { createTurnTaking } from '../../lib/yield-if-busy.js';
import type { LiveFeed } from './live-feed.js';
import { freshnessFrame, type HostSigns, type LiveHosts } from './live-hosts.js';
import { createRepetition } from '../../lib/interval.js';
import { StreamListener, type StreamSink } from './stream-listener.js';
import type { SummaryReader } from '../inventory/summary-reader.js';

export interface LiveStream {
  /**
   * Tells a listener how the organization is, what was missed since `lastEventId`, and from then on whatever changes.
   * `open` is called once nothing stands in the way any more. Resolves when the listener has heard what was missed; it
   * goes on until its sink closes.
   * @throws OverloadedError if there are too many listeners; what the database throws before `open` was called.
   */
  listen(organizationId: string, query: StreamQuery, lastEventId: string | null, open: () => StreamSink): Promise<void>;

  /** Milliseconds since the last successful read for the listener that waits longest; 0 while there is no listener. */
  unreadMs(): number;
}

export interface LiveStreamOptions {
  logger: Logger;
  isDraining: () => boolean;
  /** By the database's clock. */
  now: () => Date;
  /** Milliseconds of a clock that is never set. */
  elapsedMs?: () => number;
  /** Milliseconds between two looks into the history, and at the hosts, while anybody listens. */
  feedIntervalMs?: number;
  hostsIntervalMs?: number;
  listenersMax?: number;
  /** Milliseconds that a change may be late before listeners are told that the stream lags. */
  laggingMs?: number;
  /** Milliseconds between two ids that are sent without a message. */
  positionIntervalMs?: number;
}

/** Milliseconds after which clients come again, in which they spread themselves. */
const RETRY_MS_MIN = 1_000;
const RETRY_MS_SPREAD = 3_000;

/** Twice what a change takes on a machine that is busy. */
const LAGGING_MS = 5_000;

const POSITION_INTERVAL_MS = 30_000;

/** One organization that somebody listens to. */
interface Channel {
  organizationId: string;
  /** The run of the database's server to which `position` belongs. */
  server: string;
  /** All that was committed up to here has been told. */
  position: FeedPosition;
  hosts: HostSigns;
  listeners: Set<StreamListener>;
  /** As it was last told to all, without its instant. */
  summary: string | null;
  /** The last event up to `position`: what listeners are sent as their id. */
  lastEvent: FeedPosition;
  positionSentAtMs: number;
  /** When the oldest event was recorded that is committed and not readable yet; null: there is none. */
  withheldSince: Date | null;
  eventsRead: Instant;
  hostsRead: Instant;
  /** As it was last sent; null: the stream does not lag. */
  laggingSince: string | null;
}

/** A moment by the database's clock, and by the clock that durations are measured with. */
interface Instant {
  at: Date;
  elapsedMs: number;
}

/**
 * One reader for all who listen to this process: what it reads is written out once, and given to each whom it is for.
 * While nobody listens, nothing is read.
 */
export function createLiveStream(
  { feed, hosts, summaries }: { feed: LiveFeed; hosts: LiveHosts; summaries: SummaryReader },
  options: LiveStreamOptions,
): LiveStream {
  const { logger, isDraining, now, elapsedMs = () => performance.now(), listenersMax = 5_000 } = options;
  const { feedIntervalMs = 1_000, hostsIntervalMs = 2_000 } = options;
  const { laggingMs = LAGGING_MS, positionIntervalMs = POSITION_INTERVAL_MS } = options;
  const channels = new Map<string, Promise<Channel>>();
  /** Those that are ready: what the repetitions go through. */
  const live = new Set<Channel>();
  let listening = 0;

  const onFailure = (error: unknown) => logger.warn({ err: error }, 'the live stream could not be read; it goes on');
  const feeding = createRepetition(tellEvents, { intervalMs: feedIntervalMs, onFailure });
  const watching = createRepetition(tellHosts, { intervalMs: hostsIntervalMs, onFailure });
  // Asks the database nothing, so that a database which does not answer cannot delay it.
  const lagReports = createRepetition(reportLag, { intervalMs: feedIntervalMs, onFailure });

  function channelOf(organizationId: string): Promise<Channel> {
    const known = channels.get(organizationId);
    if (known !== undefined) return known;
    const opening = openChannel(organizationId);
    channels.set(organizationId, opening);
    opening.catch(() => channels.delete(organizationId));
    return opening;
  }

  async function openChannel(organizationId: string): Promise<Channel> {
    // The place in the history first: what changes after it is told, whether or not it is seen in the hosts already.
    const eventsRead = instant();
    const withheldSince = (await feed.withheldSince([organizationId])).get(organizationId) ?? null;
    const place = await feed.horizon();
    const lastEvent = await feed.lastEvent(organizationId, place.position);
    const hostsRead = instant();
    const signs = (await hosts.look([organizationId])).get(organizationId) ?? new Map<string, never>();
    const channel: Channel = {
      organizationId,
      ...place,
      lastEvent,
      withheldSince,
      eventsRead,
      hostsRead,
      hosts: signs,
      listeners: new Set(),
      summary: null,
      positionSentAtMs: elapsedMs(),
      laggingSince: null,
    };
    channel.laggingSince = laggingSince(channel);
    live.add(channel);
    feeding.start();
    watching.start();
    lagReports.start();
    return channel;
  }

  const instant = (): Instant => ({ at: now(), elapsedMs: elapsedMs() });

  /** Since when changes may be missing, if that is longer ago than `laggingMs`. */
  function laggingSince({ withheldSince, eventsRead, hostsRead }: Channel): string | null {
    const isLate = withheldSince !== null && now().getTime() - withheldSince.getTime() > laggingMs;
    const unread = [eventsRead, hostsRead].filter((read) => elapsedMs() - read.elapsedMs > laggingMs);
    const late = [...(isLate ? [withheldSince] : []), ...unread.map(({ at }) => at)];
    return late.length === 0 ? null : new Date(Math.min(...late.map((at) => at.getTime()))).toISOString();
  }

  async function reportLag(): Promise<void> {
    for (const channel of [...live]) {
      const since = laggingSince(channel);
      if (since === channel.laggingSince) continue;
      channel.laggingSince = since;
      await tellAll(channel, [since === null ? toFrame({ event: 'caught-up', data: {} }) : laggingFrame(since)]);
    }
  }

  function leave(channel: Channel, listener: StreamListener): void {
    if (channel.listeners.delete(listener)) listening -= 1;
    if (channel.listeners.size > 0) return;
    live.delete(channel);
    channels.delete(channel.organizationId);
    if (live.size > 0) return;
    feeding.stop();
    watching.stop();
    lagReports.stop();
  }

  async function tellAll({ listeners }: Channel, frames: readonly StreamFrame[]): Promise<void> {
    if (frames.length === 0) return;
    const whole = Buffer.concat(frames.map(({ bytes }) => bytes));
    const turns = createTurnTaking();
    for (const listener of [...listeners]) {
      listener.tell(frames, whole);
      if (turns.due()) await turns.yieldTurn();
    }
  }

  async function tellEvents(): Promise<void> {
    if (isDraining()) {
      dismissAll();
      return;
    }
    const channelsRead = [...live];
    let behind = channelsRead;
    let read = instant();
    // Before the events: what is not withheld here has been sent when the loop ends.
    const withheldSince = await feed.withheldSince(channelsRead.map(({ organizationId }) => organizationId));
    while (behind.length > 0) {
      read = instant();
      const pieces = await feed.read(behind);
      for (const channel of behind) {
        const piece = pieces.get(channel.organizationId);
        if (piece === undefined) continue;
        const lastEvent = piece.isReset ? await feed.lastEvent(channel.organizationId, piece.position) : piece.position;
        if (piece.isReset || piece.hasMore) channel.lastEvent = lastEvent;
        // Before the first is told: whoever comes meanwhile begins here.
        channel.server = piece.server;
        channel.position = piece.position;
        await (piece.isReset ? tellReset(channel) : tellAll(channel, piece.frames));
      }
      behind = behind.filter(({ organizationId }) => pieces.get(organizationId)?.hasMore);
    }
    for (const channel of channelsRead) {
      channel.withheldSince = withheldSince.get(channel.organizationId) ?? null;
      channel.eventsRead = read;
      if (elapsedMs() - channel.positionSentAtMs >= positionIntervalMs) await sendPosition(channel);
    }
  }

  /** Lets those continue from here whose filters let no event through. */
  async function sendPosition(channel: Channel): Promise<void> {
    const { lastEvent: position } = channel;
    channel.positionSentAtMs = elapsedMs();
    await tellAll(channel, [{ bytes: positionBytes(position), position }]);
  }

  /** Has all who listen read their lists again: events may have been lost with the history, and others be in it now. */
  async function tellReset(channel: Channel): Promise<void> {
    logger.warn('the database lost a part of its history, or was restarted: those who listen read everything again');
    for (const listener of channel.listeners) listener.restartAt(channel.position);
    await tellAll(channel, [resetFrame(channel.lastEvent)]);
  }

  async function tellHosts(): Promise<void> {
    const watched = [...live];
    const read = instant();
    const looks = await hosts.look(watched.map(({ organizationId }) => organizationId));
    for (const channel of watched) {
      const { organizationId } = channel;
      const look = looks.get(organizationId) ?? channel.hosts;
      const frames = await hosts.changes(organizationId, channel.hosts, look);
      if (frames.length > 0) frames.push(...(await newSummary(channel)));
      // Not before all is read that has to be told of it: what fails here is found again at the next look.
      channel.hosts = look;
      channel.hostsRead = read;
      await tellAll(channel, frames);
    }
  }

  async function newSummary(channel: Channel): Promise<StreamFrame[]> {
    const data = await summaries.read(channel.organizationId);
    const { at: _at, ...numbers } = data;
    const summary = JSON.stringify(numbers);
    if (summary === channel.summary) return [];
    channel.summary = summary;
    return [toFrame({ event: 'summary', data })];
  }

  function dismissAll(): void {
    for (const { listeners } of live) {
      for (const { sink } of listeners) sink.end(comeAgain());
    }
  }

  /** Tells what was missed. False: it cannot be told. */
  async function tellMissed(channel: Channel, listener: StreamListener, until: FeedPosition): Promise<boolean> {
    const missed = feed.missed(channel.organizationId, listener.position, until);
    for (;;) {
      const next = await missed.next();
      // A reset waits for those who were restarted.
      if (listener.wasRestarted) return true;
      if (next.done === true) return next.value;
      await listener.tellFirst(next.value);
      if (listener.sink.isClosed) return true;
    }
  }

  return {
    async listen(organizationId, query, lastEventId, open) {
      if (listening >= listenersMax) throw new OverloadedError();
      const from = lastEventId === null ? null : await feed.placeOf(organizationId, lastEventId);
      let channel = await channelOf(organizationId);
      // The last one may have left, and the channel with it, just before this one came.
      while (!live.has(channel)) channel = await channelOf(organizationId);
      const { position: until, lastEvent } = channel;
      const sink = open();
      const listener = new StreamListener(sink, query, from ?? until);
      channel.listeners.add(listener);
      listening += 1;
      void sink.closed.then(() => leave(channel, listener));
      if (isDraining()) {
        sink.end(comeAgain());
        return;
      }

      sink.send(comeAgain());
      const summary = toFrame({ event: 'summary', data: await summaries.read(organizationId) });
      const lagging = channel.laggingSince === null ? [] : [laggingFrame(channel.laggingSince)];
      await listener.tellFirst([summary, freshnessFrame(channel.hosts, query.hostId), ...lagging]);
      const isComplete = lastEventId === null || (from !== null && (await tellMissed(channel, listener, until)));
      if (isComplete) sink.send(positionBytes(lastEvent));
      else await listener.tellFirst([resetFrame(lastEvent)]);
      listener.goLive();
    },

    unreadMs() {
      const reads = [...live].flatMap(({ eventsRead, hostsRead }) => [eventsRead.elapsedMs, hostsRead.elapsedMs]);
      return reads.length === 0 ? 0 : Math.max(0, elapsedMs() - Math.min(...reads));
    },
  };
}

/** `lastEvent`: where the stream continues. */
const resetFrame = (lastEvent: FeedPosition): StreamFrame =>
  toFrame({ event: 'reset', id: formatPosition(lastEvent), data: {} });

const laggingFrame = (since: string): StreamFrame => toFrame({ event: 'lagging', data: { since } });

const comeAgain = () => retryAfter(RETRY_MS_MIN + Math.random() * RETRY_MS_SPREAD);
