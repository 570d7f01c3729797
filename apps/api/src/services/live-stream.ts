import type { StreamQuery } from '@muster/contracts';
import type { Logger } from 'pino';
import type { FeedPosition } from '../domain/feed-position.js';
import { retryAfter, toFrame, type StreamFrame } from '../domain/stream-frame.js';
import { OverloadedError } from '../errors.js';
import { createTurnTaking } from '../turn-taking.js';
import type { LiveFeed } from './live-feed.js';
import { freshnessFrame, type HostSigns, type LiveHosts } from './live-hosts.js';
import { createRepetition } from './repetition.js';
import { StreamListener, type StreamSink } from './stream-listener.js';
import type { SummaryReader } from './summary-reader.js';

export interface LiveStream {
  /**
   * Tells a listener how the organization is, what was missed since `lastEventId`, and from then on whatever changes.
   * `open` is called once nothing stands in the way any more. Resolves when the listener has heard what was missed; it
   * goes on until its sink closes.
   * @throws OverloadedError if there are too many listeners; what the database throws before `open` was called.
   */
  listen(organizationId: string, query: StreamQuery, lastEventId: string | null, open: () => StreamSink): Promise<void>;
}

export interface LiveStreamOptions {
  logger: Logger;
  isDraining: () => boolean;
  /** Milliseconds between two looks into the history, and at the hosts, while anybody listens. */
  feedIntervalMs?: number;
  hostsIntervalMs?: number;
  listenersMax?: number;
}

/** Milliseconds after which clients come again, in which they spread themselves. */
const RETRY_MS_MIN = 1_000;
const RETRY_MS_SPREAD = 3_000;

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
}

/**
 * One reader for all who listen to this process: what it reads is written out once, and given to each whom it is for.
 * While nobody listens, nothing is read.
 */
export function createLiveStream(
  { feed, hosts, summaries }: { feed: LiveFeed; hosts: LiveHosts; summaries: SummaryReader },
  { logger, isDraining, feedIntervalMs = 1_000, hostsIntervalMs = 2_000, listenersMax = 5_000 }: LiveStreamOptions,
): LiveStream {
  const channels = new Map<string, Promise<Channel>>();
  /** Those that are ready: what the repetitions go through. */
  const live = new Set<Channel>();
  let listening = 0;

  const onFailure = (error: unknown) => logger.warn({ err: error }, 'the live stream could not be read; it goes on');
  const feeding = createRepetition(tellEvents, { intervalMs: feedIntervalMs, onFailure });
  const watching = createRepetition(tellHosts, { intervalMs: hostsIntervalMs, onFailure });

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
    const place = await feed.horizon();
    const signs = (await hosts.look([organizationId])).get(organizationId) ?? new Map<string, never>();
    const channel: Channel = { organizationId, ...place, hosts: signs, listeners: new Set(), summary: null };
    live.add(channel);
    feeding.start();
    watching.start();
    return channel;
  }

  function leave(channel: Channel, listener: StreamListener): void {
    if (channel.listeners.delete(listener)) listening -= 1;
    if (channel.listeners.size > 0) return;
    live.delete(channel);
    channels.delete(channel.organizationId);
    if (live.size > 0) return;
    feeding.stop();
    watching.stop();
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
    let behind = [...live];
    while (behind.length > 0) {
      const pieces = await feed.read(behind);
      for (const channel of behind) {
        const piece = pieces.get(channel.organizationId);
        if (piece === undefined) continue;
        // Before the first is told: whoever comes meanwhile begins here.
        channel.server = piece.server;
        channel.position = piece.position;
        await (piece.isReset ? tellReset(channel) : tellAll(channel, piece.frames));
      }
      behind = behind.filter(({ organizationId }) => pieces.get(organizationId)?.hasMore);
    }
  }

  /** Has all who listen read their lists again: events may have been lost with the history, and others be in it now. */
  async function tellReset(channel: Channel): Promise<void> {
    logger.warn('the database lost a part of its history, or was restarted: those who listen read everything again');
    for (const listener of channel.listeners) listener.restartAt(channel.position);
    await tellAll(channel, [toFrame({ event: 'reset', data: {} })]);
  }

  async function tellHosts(): Promise<void> {
    const watched = [...live];
    const looks = await hosts.look(watched.map(({ organizationId }) => organizationId));
    for (const channel of watched) {
      const { organizationId } = channel;
      const look = looks.get(organizationId) ?? channel.hosts;
      const frames = await hosts.changes(organizationId, channel.hosts, look);
      if (frames.length > 0) frames.push(...(await newSummary(channel)));
      // Not before all is read that has to be told of it: what fails here is found again at the next look.
      channel.hosts = look;
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
      const until = channel.position;
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
      await listener.tellFirst([summary, freshnessFrame(channel.hosts, query.hostId)]);
      const isComplete = lastEventId === null || (from !== null && (await tellMissed(channel, listener, until)));
      if (!isComplete) await listener.tellFirst([toFrame({ event: 'reset', data: {} })]);
      listener.goLive();
    },
  };
}

const comeAgain = () => retryAfter(RETRY_MS_MIN + Math.random() * RETRY_MS_SPREAD);
