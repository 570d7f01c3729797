import type { StreamQuery } from '@muster/contracts';
import type { Logger } from 'pino';
import { OverloadedError } from '../../errors.js';
import { createInterval } from '../../lib/interval.js';
import type { FreshnessSource } from '../freshness/index.js';
import { formatPosition, type FeedPosition, type GetSummary } from '../inventory/index.js';
import { emitToAll, laggingSince, openChannel, type Channel, type Instant } from './channel.js';
import { findLastPosition, MISSED_EVENTS_MAX, readBatches, readMissed, resolvePosition } from './event-feed.js';
import { findWithheldEvents } from './find-withheld-events.sql.js';
import { positionFrame, retryChunk, toChunk, toFrame, type StreamFrame } from './frame.js';
import { freshnessFrame, hostChangeFrames, pollHosts } from './host-changes.js';
import { StreamListener, type StreamSink } from './listener.js';

export interface LiveStream {
  /**
   * Streams an organization's state to a client. Sends the summary and the freshness of hosts, then the events missed
   * since `lastEventId`, and then every change as it happens. Calls `open` when the stream can start. Resolves when the
   * missed events have been sent. The stream continues until its sink closes.
   * @throws OverloadedError if there are too many listeners, or a database error that occurs before `open` is called.
   */
  listen(organizationId: string, query: StreamQuery, lastEventId: string | null, open: () => StreamSink): Promise<void>;

  /**
   * Returns the longest time, in milliseconds, since the last successful read for any organization with listeners; 0
   * without listeners.
   */
  unreadMs(): number;
}

export interface LiveStreamOptions {
  logger: Logger;
  isDraining: () => boolean;
  /** Returns the database's time. */
  now: () => Date;
  /** Returns the milliseconds of a monotonic clock. */
  elapsedMs?: () => number;
  /** Milliseconds between two polls of the history while there are listeners. */
  feedIntervalMs?: number;
  /** Milliseconds between two polls of the hosts while there are listeners. */
  hostsIntervalMs?: number;
  listenersMax?: number;
  /** Maximum delay of a change in milliseconds. If the delay is longer, listeners receive a `lagging` event. */
  laggingMs?: number;
  /** Milliseconds between two event ids that are sent without a message. */
  positionIntervalMs?: number;
  /** Maximum number of missed events that are sent to a returning client. */
  missedEventsMax?: number;
}

/** Clients are asked to reconnect after this many milliseconds plus a random part of `RETRY_MS_SPREAD`. */
const RETRY_MS_MIN = 1_000;
const RETRY_MS_SPREAD = 3_000;

/** The default of `laggingMs`: twice the delay of a change on a busy machine. */
const LAGGING_MS = 5_000;

const POSITION_INTERVAL_MS = 30_000;

/**
 * Creates the live stream, which reads the database once for all listeners of this process. Each event is serialized
 * once and sent to every listener whose filters match. Nothing is read while there are no listeners.
 */
export function createLiveStream(
  source: FreshnessSource,
  getSummary: GetSummary,
  options: LiveStreamOptions,
): LiveStream {
  const { db } = source;
  const { logger, isDraining, now, elapsedMs = () => performance.now(), listenersMax = 5_000 } = options;
  const { feedIntervalMs = 1_000, hostsIntervalMs = 2_000 } = options;
  const { laggingMs = LAGGING_MS, positionIntervalMs = POSITION_INTERVAL_MS } = options;
  const { missedEventsMax = MISSED_EVENTS_MAX } = options;
  const channels = new Map<string, Promise<Channel>>();
  /** The channels that have finished opening. Only these channels are polled. */
  const openChannels = new Set<Channel>();
  let listenerCount = 0;

  const onFailure = (error: unknown) =>
    logger.warn({ err: error }, 'could not read the changes for the live stream; retrying');
  const intervals = [
    createInterval(emitEvents, { intervalMs: feedIntervalMs, onFailure }),
    createInterval(emitHosts, { intervalMs: hostsIntervalMs, onFailure }),
    // This interval makes no query, so that a database that does not respond cannot delay the `lagging` message.
    createInterval(reportLag, { intervalMs: feedIntervalMs, onFailure }),
  ];

  function channelOf(organizationId: string): Promise<Channel> {
    const existingChannel = channels.get(organizationId);
    if (existingChannel !== undefined) return existingChannel;
    const opening = openAndPoll(organizationId);
    channels.set(organizationId, opening);
    opening.catch(() => channels.delete(organizationId));
    return opening;
  }

  async function openAndPoll(organizationId: string): Promise<Channel> {
    const channel = await openChannel(source, organizationId, instant);
    channel.laggingSince = laggingSince(channel, instant(), laggingMs);
    openChannels.add(channel);
    for (const interval of intervals) interval.start();
    return channel;
  }

  const instant = (): Instant => ({ at: now(), elapsedMs: elapsedMs() });

  async function reportLag(): Promise<void> {
    for (const channel of [...openChannels]) {
      const since = laggingSince(channel, instant(), laggingMs);
      if (since === channel.laggingSince) continue;
      channel.laggingSince = since;
      await emitToAll(channel, [since === null ? toFrame({ event: 'caught-up', data: {} }) : laggingFrame(since)]);
    }
  }

  function removeListener(channel: Channel, listener: StreamListener): void {
    if (channel.listeners.delete(listener)) listenerCount -= 1;
    if (channel.listeners.size > 0) return;
    openChannels.delete(channel);
    channels.delete(channel.organizationId);
    if (openChannels.size > 0) return;
    for (const interval of intervals) void interval.stop();
  }

  async function emitEvents(): Promise<void> {
    if (isDraining()) {
      closeAll();
      return;
    }
    const channelsRead = [...openChannels];
    let pendingChannels = channelsRead;
    let read = instant();
    // The withheld events are found before the loop reads events. An event that is not withheld at this moment is
    // therefore sent by the loop.
    const withheldSince = await findWithheldEvents(
      db,
      channelsRead.map(({ organizationId }) => organizationId),
    );
    while (pendingChannels.length > 0) {
      read = instant();
      const batches = await readBatches(db, pendingChannels);
      for (const channel of pendingChannels) {
        const batch = batches.get(channel.organizationId);
        if (batch === undefined) continue;
        const lastEvent = batch.isReset
          ? await findLastPosition(db, channel.organizationId, batch.position)
          : batch.position;
        if (batch.isReset || batch.hasMore) channel.lastEvent = lastEvent;
        // Set before sending, because a listener that joins during the send starts at this position.
        channel.server = batch.server;
        channel.position = batch.position;
        await (batch.isReset ? emitReset(channel) : emitToAll(channel, batch.frames));
      }
      pendingChannels = pendingChannels.filter(({ organizationId }) => batches.get(organizationId)?.hasMore);
    }
    for (const channel of channelsRead) {
      channel.withheldSince = withheldSince.get(channel.organizationId) ?? null;
      channel.eventsRead = read;
      if (elapsedMs() - channel.positionSentAtMs >= positionIntervalMs) await sendPosition(channel);
    }
  }

  /** Sends the id of the last event, so that listeners whose filters match no event can also resume from that event. */
  async function sendPosition(channel: Channel): Promise<void> {
    const { lastEvent: position } = channel;
    channel.positionSentAtMs = elapsedMs();
    await emitToAll(channel, [positionFrame(position)]);
  }

  /**
   * Makes all listeners reload their lists, because the database may have lost events and recorded other events since.
   */
  async function emitReset(channel: Channel): Promise<void> {
    logger.warn('the database lost a part of its history, or was restarted: all stream listeners reload their lists');
    for (const listener of channel.listeners) listener.restartAt(channel.position);
    await emitToAll(channel, [resetFrame(channel.lastEvent)]);
  }

  async function emitHosts(): Promise<void> {
    const polledChannels = [...openChannels];
    const read = instant();
    const polls = await pollHosts(
      source,
      polledChannels.map(({ organizationId }) => organizationId),
    );
    for (const channel of polledChannels) {
      const { organizationId } = channel;
      const fingerprints = polls.get(organizationId) ?? channel.hosts;
      const frames = await hostChangeFrames(source, organizationId, channel.hosts, fingerprints);
      if (frames.length > 0) frames.push(...(await summaryIfChanged(channel)));
      // Set only after all reads succeeded, so that the next poll after a failure finds the same changes again.
      channel.hosts = fingerprints;
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
    for (const { listeners } of openChannels) {
      for (const { sink } of listeners) sink.end(newRetry());
    }
  }

  /** Sends the missed events. Returns false if not all of these events can be sent. */
  async function emitMissed(channel: Channel, listener: StreamListener, until: FeedPosition): Promise<boolean> {
    const missed = readMissed(db, channel.organizationId, listener.position, until, missedEventsMax);
    for (;;) {
      const next = await missed.next();
      // A listener that was restarted receives a reset message instead.
      if (listener.wasRestarted) return true;
      if (next.done === true) return next.value;
      await listener.emitFirst(next.value);
      if (listener.sink.isClosed) return true;
    }
  }

  return {
    async listen(organizationId, query, lastEventId, open) {
      if (listenerCount >= listenersMax) throw new OverloadedError();
      const from = lastEventId === null ? null : await resolvePosition(db, organizationId, lastEventId, now);
      let channel = await channelOf(organizationId);
      // The channel may have been closed, when its last listener left, just before this listener joined.
      while (!openChannels.has(channel)) channel = await channelOf(organizationId);
      const { position: until, lastEvent } = channel;
      const sink = open();
      const listener = new StreamListener(sink, query, from ?? until);
      channel.listeners.add(listener);
      listenerCount += 1;
      void sink.closed.then(() => removeListener(channel, listener));
      if (isDraining()) {
        sink.end(newRetry());
        return;
      }

      sink.send(newRetry());
      const summary = toFrame({ event: 'summary', data: await getSummary(organizationId) });
      const lagging = channel.laggingSince === null ? [] : [laggingFrame(channel.laggingSince)];
      await listener.emitFirst([summary, freshnessFrame(channel.hosts, query.hostId), ...lagging]);
      const isComplete = lastEventId === null || (from !== null && (await emitMissed(channel, listener, until)));
      if (isComplete) sink.send(toChunk([positionFrame(lastEvent)]));
      else await listener.emitFirst([resetFrame(lastEvent)]);
      listener.goLive();
    },

    unreadMs() {
      const reads = [...openChannels].flatMap(({ eventsRead, hostsRead }) => [
        eventsRead.elapsedMs,
        hostsRead.elapsedMs,
      ]);
      return reads.length === 0 ? 0 : Math.max(0, elapsedMs() - Math.min(...reads));
    },
  };
}

/** Creates a reset message. The stream continues after `lastEvent`. */
const resetFrame = (lastEvent: FeedPosition): StreamFrame =>
  toFrame({ event: 'reset', id: formatPosition(lastEvent), data: {} });

const laggingFrame = (since: string): StreamFrame => toFrame({ event: 'lagging', data: { since } });

const newRetry = () => retryChunk(RETRY_MS_MIN + Math.random() * RETRY_MS_SPREAD);
