import type { StreamQuery } from '@muster/contracts';
import type { Logger } from 'pino';
import { formatPosition, type FeedPosition, type GetSummary } from '../inventory/index.js';
import { positionBytes, retryBytes, toFrame, type StreamFrame } from './frame.js';
import { OverloadedError } from '../../errors.js';
import { createYielder } from '../../lib/yielder.js';
import type { LiveFeed } from './event-feed.js';
import { freshnessFrame, type HostFingerprints, type LiveHosts } from './host-changes.js';
import { createInterval } from '../../lib/interval.js';
import { StreamListener, type StreamSink } from './listener.js';

export interface LiveStream {
  /**
   * Streams an organization's state to a client: first the summary and the freshness of hosts, then the events missed
   * since `lastEventId`, then every change as it happens. Calls `open` once the stream can start. Resolves when the
   * missed events have been sent; the stream continues until its sink closes.
   * @throws OverloadedError if there are too many listeners; a database error if one occurs before `open` is called.
   */
  listen(organizationId: string, query: StreamQuery, lastEventId: string | null, open: () => StreamSink): Promise<void>;

  /**
   * Returns the age in milliseconds of the oldest last successful read among the organizations with listeners; 0
   * without listeners.
   */
  unreadMs(): number;
}

export interface LiveStreamOptions {
  logger: Logger;
  isDraining: () => boolean;
  /** Database time. */
  now: () => Date;
  /** Monotonic clock, in milliseconds. */
  elapsedMs?: () => number;
  /** Milliseconds between two polls of the history, and of the hosts, while there are listeners. */
  feedIntervalMs?: number;
  hostsIntervalMs?: number;
  listenersMax?: number;
  /** Milliseconds that a change may be late before listeners receive a `lagging` event. */
  laggingMs?: number;
  /** Milliseconds between two event ids that are sent without a message. */
  positionIntervalMs?: number;
}

/** Clients are asked to reconnect after this many milliseconds plus a random part of the spread. */
const RETRY_MS_MIN = 1_000;
const RETRY_MS_SPREAD = 3_000;

/** Twice the delay of a change on a busy machine. */
const LAGGING_MS = 5_000;

const POSITION_INTERVAL_MS = 30_000;

/** One organization that has listeners. */
interface Channel {
  organizationId: string;
  /** The run of the database server to which `position` belongs. */
  server: string;
  /** All events committed up to here have been sent. */
  position: FeedPosition;
  hosts: HostFingerprints;
  listeners: Set<StreamListener>;
  /** The summary last sent to all listeners, as JSON without `at`; null before the first. */
  summary: string | null;
  /** The last event up to `position`. Listeners receive its id to resume from. */
  lastEvent: FeedPosition;
  positionSentAtMs: number;
  /** When the oldest event that is committed but not readable yet was recorded; null if there is none. */
  withheldSince: Date | null;
  eventsRead: Instant;
  hostsRead: Instant;
  /** As last sent; null while the stream does not lag. */
  laggingSince: string | null;
}

/** A moment by the database clock, and by the monotonic clock that measures durations. */
interface Instant {
  at: Date;
  elapsedMs: number;
}

/**
 * Creates the one reader for all listeners of this process. Each event is serialized once and sent to every listener
 * whose filters match it. Nothing is read while there are no listeners.
 */
export function createLiveStream(
  { feed, hosts, getSummary }: { feed: LiveFeed; hosts: LiveHosts; getSummary: GetSummary },
  options: LiveStreamOptions,
): LiveStream {
  const { logger, isDraining, now, elapsedMs = () => performance.now(), listenersMax = 5_000 } = options;
  const { feedIntervalMs = 1_000, hostsIntervalMs = 2_000 } = options;
  const { laggingMs = LAGGING_MS, positionIntervalMs = POSITION_INTERVAL_MS } = options;
  const channels = new Map<string, Promise<Channel>>();
  /** The channels that are ready and polled. */
  const live = new Set<Channel>();
  let listening = 0;

  const onFailure = (error: unknown) => logger.warn({ err: error }, 'could not read the live stream; retrying');
  const feedInterval = createInterval(emitEvents, { intervalMs: feedIntervalMs, onFailure });
  const hostsInterval = createInterval(emitHosts, { intervalMs: hostsIntervalMs, onFailure });
  // Makes no query, so that a database that does not answer cannot delay it.
  const lagInterval = createInterval(reportLag, { intervalMs: feedIntervalMs, onFailure });

  function channelOf(organizationId: string): Promise<Channel> {
    const known = channels.get(organizationId);
    if (known !== undefined) return known;
    const opening = openChannel(organizationId);
    channels.set(organizationId, opening);
    opening.catch(() => channels.delete(organizationId));
    return opening;
  }

  async function openChannel(organizationId: string): Promise<Channel> {
    // Read the position in the history before the hosts: a change in between may then be sent although the hosts show
    // it already, but is never missed.
    const eventsRead = instant();
    const withheldSince = (await feed.withheldSince([organizationId])).get(organizationId) ?? null;
    const checkpoint = await feed.horizon();
    const lastEvent = await feed.lastEvent(organizationId, checkpoint.position);
    const hostsRead = instant();
    const fingerprints = (await hosts.read([organizationId])).get(organizationId) ?? new Map<string, never>();
    const channel: Channel = {
      organizationId,
      ...checkpoint,
      lastEvent,
      withheldSince,
      eventsRead,
      hostsRead,
      hosts: fingerprints,
      listeners: new Set(),
      summary: null,
      positionSentAtMs: elapsedMs(),
      laggingSince: null,
    };
    channel.laggingSince = laggingSince(channel);
    live.add(channel);
    feedInterval.start();
    hostsInterval.start();
    lagInterval.start();
    return channel;
  }

  const instant = (): Instant => ({ at: now(), elapsedMs: elapsedMs() });

  /** Returns since when changes may be missing, if that is more than `laggingMs` ago; otherwise null. */
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
      await emitToAll(channel, [since === null ? toFrame({ event: 'caught-up', data: {} }) : laggingFrame(since)]);
    }
  }

  function removeListener(channel: Channel, listener: StreamListener): void {
    if (channel.listeners.delete(listener)) listening -= 1;
    if (channel.listeners.size > 0) return;
    live.delete(channel);
    channels.delete(channel.organizationId);
    if (live.size > 0) return;
    for (const interval of [feedInterval, hostsInterval, lagInterval]) void interval.stop();
  }

  async function emitToAll({ listeners }: Channel, frames: readonly StreamFrame[]): Promise<void> {
    if (frames.length === 0) return;
    const whole = Buffer.concat(frames.map(({ bytes }) => bytes));
    const yielder = createYielder();
    for (const listener of [...listeners]) {
      listener.emit(frames, whole);
      if (yielder.shouldYield()) await yielder.yieldToEventLoop();
    }
  }

  async function emitEvents(): Promise<void> {
    if (isDraining()) {
      closeAll();
      return;
    }
    const channelsRead = [...live];
    let behind = channelsRead;
    let read = instant();
    // Query this before reading events: every event that is not withheld now has been sent when the loop ends.
    const withheldSince = await feed.withheldSince(channelsRead.map(({ organizationId }) => organizationId));
    while (behind.length > 0) {
      read = instant();
      const pieces = await feed.read(behind);
      for (const channel of behind) {
        const piece = pieces.get(channel.organizationId);
        if (piece === undefined) continue;
        const lastEvent = piece.isReset ? await feed.lastEvent(channel.organizationId, piece.position) : piece.position;
        if (piece.isReset || piece.hasMore) channel.lastEvent = lastEvent;
        // Set these before sending: a listener that joins during the send starts here.
        channel.server = piece.server;
        channel.position = piece.position;
        await (piece.isReset ? emitReset(channel) : emitToAll(channel, piece.frames));
      }
      behind = behind.filter(({ organizationId }) => pieces.get(organizationId)?.hasMore);
    }
    for (const channel of channelsRead) {
      channel.withheldSince = withheldSince.get(channel.organizationId) ?? null;
      channel.eventsRead = read;
      if (elapsedMs() - channel.positionSentAtMs >= positionIntervalMs) await sendPosition(channel);
    }
  }

  /** Sends the id of the last event, so that listeners whose filters match no event can also resume from here. */
  async function sendPosition(channel: Channel): Promise<void> {
    const { lastEvent: position } = channel;
    channel.positionSentAtMs = elapsedMs();
    await emitToAll(channel, [{ bytes: positionBytes(position), position }]);
  }

  /** Makes all listeners reload their lists: the database's history may have lost events and now contain others. */
  async function emitReset(channel: Channel): Promise<void> {
    logger.warn('the database lost a part of its history, or was restarted: all stream listeners reload their lists');
    for (const listener of channel.listeners) listener.restartAt(channel.position);
    await emitToAll(channel, [resetFrame(channel.lastEvent)]);
  }

  async function emitHosts(): Promise<void> {
    const watched = [...live];
    const read = instant();
    const polls = await hosts.read(watched.map(({ organizationId }) => organizationId));
    for (const channel of watched) {
      const { organizationId } = channel;
      const polled = polls.get(organizationId) ?? channel.hosts;
      const frames = await hosts.changes(organizationId, channel.hosts, polled);
      if (frames.length > 0) frames.push(...(await summaryIfChanged(channel)));
      // Set these only after all reads succeeded: after a failure, the next poll finds the same changes again.
      channel.hosts = polled;
      channel.hostsRead = read;
      await emitToAll(channel, frames);
    }
  }

  async function summaryIfChanged(channel: Channel): Promise<StreamFrame[]> {
    const data = await getSummary(channel.organizationId);
    const { at: _at, ...numbers } = data;
    const summary = JSON.stringify(numbers);
    if (summary === channel.summary) return [];
    channel.summary = summary;
    return [toFrame({ event: 'summary', data })];
  }

  function closeAll(): void {
    for (const { listeners } of live) {
      for (const { sink } of listeners) sink.end(retryFrame());
    }
  }

  /** Sends the missed events. Returns false if they cannot all be sent. */
  async function emitMissed(channel: Channel, listener: StreamListener, until: FeedPosition): Promise<boolean> {
    const missed = feed.readMissed(channel.organizationId, listener.position, until);
    for (;;) {
      const next = await missed.next();
      // A listener that was restarted receives a reset instead.
      if (listener.wasRestarted) return true;
      if (next.done === true) return next.value;
      await listener.emitFirst(next.value);
      if (listener.sink.isClosed) return true;
    }
  }

  return {
    async listen(organizationId, query, lastEventId, open) {
      if (listening >= listenersMax) throw new OverloadedError();
      const from = lastEventId === null ? null : await feed.resolvePosition(organizationId, lastEventId);
      let channel = await channelOf(organizationId);
      // The last listener may have left and closed the channel just before this one joined.
      while (!live.has(channel)) channel = await channelOf(organizationId);
      const { position: until, lastEvent } = channel;
      const sink = open();
      const listener = new StreamListener(sink, query, from ?? until);
      channel.listeners.add(listener);
      listening += 1;
      void sink.closed.then(() => removeListener(channel, listener));
      if (isDraining()) {
        sink.end(retryFrame());
        return;
      }

      sink.send(retryFrame());
      const summary = toFrame({ event: 'summary', data: await getSummary(organizationId) });
      const lagging = channel.laggingSince === null ? [] : [laggingFrame(channel.laggingSince)];
      await listener.emitFirst([summary, freshnessFrame(channel.hosts, query.hostId), ...lagging]);
      const isComplete = lastEventId === null || (from !== null && (await emitMissed(channel, listener, until)));
      if (isComplete) sink.send(positionBytes(lastEvent));
      else await listener.emitFirst([resetFrame(lastEvent)]);
      listener.goLive();
    },

    unreadMs() {
      const reads = [...live].flatMap(({ eventsRead, hostsRead }) => [eventsRead.elapsedMs, hostsRead.elapsedMs]);
      return reads.length === 0 ? 0 : Math.max(0, elapsedMs() - Math.min(...reads));
    },
  };
}

/** `lastEvent` is the event that the stream continues from. */
const resetFrame = (lastEvent: FeedPosition): StreamFrame =>
  toFrame({ event: 'reset', id: formatPosition(lastEvent), data: {} });

const laggingFrame = (since: string): StreamFrame => toFrame({ event: 'lagging', data: { since } });

const retryFrame = () => retryBytes(RETRY_MS_MIN + Math.random() * RETRY_MS_SPREAD);
