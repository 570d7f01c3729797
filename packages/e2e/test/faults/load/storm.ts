/**
 * A fleet that heeds nothing, as a process of its own which can be given a core of its own. It is told over the IPC
 * channel what to send, and tells what came back.
 */
import { Paths } from '@muster/contracts';
import {
  getRequest,
  heartbeatRequest,
  openConnection,
  snapshotRequest,
  type Answer,
  type Connection,
  type SeededHost,
  type WireRequest,
} from '@muster/fleet';
import { latency, type Latency } from '@muster/testkit/report';
import { gzipSync } from 'node:zlib';
import { snapshotOf } from './generation.js';

export interface StormRequest {
  port: number;
  hosts: SeededHost[];
  /** Each speaks for its share of the hosts, by turns; where there are more of them than hosts, several for each. */
  connections: number;
  /** Requests a second, due whether or not earlier ones were answered; null: as fast as answers come. */
  perSecond: number | null;
  durationMs: number;
  /** What they send, `fleet` by default. */
  mix?: Mix;
}

/**
 * `fleet`: half heartbeats, four tenths the last snapshot again, one tenth a new one. `heartbeats`: nothing else. `costly`:
 * heartbeats, and as many snapshots of 5,000 containers with 60 labels that have all changed.
 */
type Mix = 'fleet' | 'heartbeats' | 'costly';

export interface StormResult {
  sent: number;
  /** Answered with 200. */
  good: number;
  /** Answered with 429 or 503, and of these those without a Retry-After. */
  refused: number;
  bare: number;
  /** Any other answer, and connections that broke. */
  other: number;
  firstOther: string | null;
  ms: number;
  /** Of good answers, and of refusals, in ms. */
  goodMs: Latency;
  refusedMs: Latency;
  /** Milliseconds after the start at which the last request was sent that was not answered with 200; 0: none. */
  lastBadMs: number;
}

process.on('message', (request: StormRequest) => {
  storm(request).then(
    (result) => process.send?.(result),
    (error: unknown) => {
      throw error;
    },
  );
});
// The channel is this process's whole purpose: without it, it ends.
process.on('disconnect', () => process.exit());

interface Speaker {
  host: SeededHost;
  number: number;
  sequence: number;
  /** The generation that the API took last; 0: none. */
  taken: number;
  turn: number;
  /** Bodies by their generation: the one that was taken last, and the next. */
  bodies: Map<number, Buffer>;
}

/** A request, and the generation that the API has of its host once it was taken. */
interface Turn {
  request: WireRequest;
  generation: number;
}

/** Kept between two storms, so that a host's sequence goes on rising. */
const speakers = new Map<string, Speaker>();

function speakerOf(host: SeededHost, number: number): Speaker {
  const known = speakers.get(host.id);
  if (known !== undefined) return known;
  const speaker: Speaker = { host, number, sequence: 0, taken: 0, turn: number, bodies: new Map() };
  speakers.set(host.id, speaker);
  return speaker;
}

/**
 * What is new is new to the API, so that a request is as much work in a storm, where most are refused, as at its peak.
 */
function nextOf(speaker: Speaker, mix: Mix): Turn {
  speaker.turn += 1;
  if (mix === 'heartbeats' || speaker.turn % 2 === 0)
    return { request: heartbeatRequest(speaker.host, null), generation: speaker.taken };
  if (mix === 'costly') {
    speaker.sequence += 1;
    const body = costlyBody(speaker.turn % 4 === 1);
    return { request: snapshotRequest(speaker.host, speaker.sequence, body, 'gzip'), generation: speaker.taken };
  }
  const generation = speaker.turn % 10 === 1 || speaker.taken === 0 ? speaker.taken + 1 : speaker.taken;
  speaker.sequence += 1;
  return { request: snapshotRequest(speaker.host, speaker.sequence, bodyOf(speaker, generation), 'gzip'), generation };
}

/** Compressed, as an agent sends all but small ones; the core that does so is the generator's own. */
function bodyOf({ number, taken, bodies }: Speaker, generation: number): Buffer {
  const known = bodies.get(generation);
  if (known !== undefined) return known;
  const body = gzipSync(JSON.stringify(snapshotOf(number, generation)), GZIP_OPTIONS);
  bodies.delete(taken - 1);
  bodies.set(generation, body);
  return body;
}

const costlyBodies = new Map<boolean, Buffer>();

/** One of two snapshots, as large as an agent may send, which differ in every container. */
function costlyBody(isEven: boolean): Buffer {
  const known = costlyBodies.get(isEven);
  if (known !== undefined) return known;
  const labels = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`label-${i}`, `value-${i}-${isEven}`]));
  const containers = Array.from({ length: 5_000 }, (_, i) => ({
    ...{ dockerId: `costly-${i}`, name: `costly-${i}`, image: `costly:${isEven}`, state: 'running', labels },
  }));
  const body = gzipSync(JSON.stringify(containers), GZIP_OPTIONS);
  costlyBodies.set(isEven, body);
  return body;
}

/** Level 3 costs a part of the default, for a few bytes more. */
const GZIP_OPTIONS = { level: 3 };

/** Connections that are asked for at once. */
const OPENING_MAX = 256;

/**
 * Opens connections that the server has taken. The system calls one open before the server knows of it, and Node takes
 * one in each turn of its loop: those that a storm finds waiting would wait until it is over.
 */
async function openConnections(port: number, count: number): Promise<Connection[]> {
  const open: Connection[] = [];
  while (open.length < count) {
    const batch = Array.from({ length: Math.min(OPENING_MAX, count - open.length) }, async () => {
      const connection = await openConnection(port);
      await connection.send(getRequest(Paths.health, ''));
      return connection;
    });
    open.push(...(await Promise.all(batch)));
  }
  return open;
}

async function storm(request: StormRequest): Promise<StormResult> {
  const { port, hosts, connections, perSecond, durationMs, mix = 'fleet' } = request;
  const shares = Array.from({ length: connections }, (): Speaker[] => []);
  for (let place = 0; place < Math.max(connections, hosts.length); place++) {
    const number = place % hosts.length;
    shares[place % connections]!.push(speakerOf(hosts[number]!, number));
  }
  const open = await openConnections(port, connections);
  const result = { sent: 0, good: 0, refused: 0, bare: 0, other: 0, firstOther: null as string | null, lastBadMs: 0 };
  const goodMs: number[] = [];
  const refusedMs: number[] = [];
  const startedAt = performance.now();
  const isOver = () => performance.now() - startedAt >= durationMs;

  const note = (answer: Answer, sentAt: number) => {
    const ms = performance.now() - sentAt;
    if (answer.status === 200) {
      result.good += 1;
      goodMs.push(ms);
      return;
    }
    result.lastBadMs = Math.max(result.lastBadMs, sentAt - startedAt);
    if (answer.status === 503 || answer.status === 429) {
      result.refused += 1;
      refusedMs.push(ms);
      if (!/\r\nretry-after: \d/i.test(answer.head)) result.bare += 1;
    } else {
      result.other += 1;
      result.firstOther ??= `${answer.status} ${answer.body.toString().slice(0, 300)}`;
    }
  };

  async function send(speaker: Speaker, connection: Connection): Promise<void> {
    const sentAt = performance.now();
    result.sent += 1;
    const { request, generation } = nextOf(speaker, mix);
    const answer = await connection.send(request);
    if (answer.status === 200) speaker.taken = Math.max(speaker.taken, generation);
    note(answer, sentAt);
  }

  async function speak(share: readonly Speaker[], connection: Connection): Promise<void> {
    const intervalMs = perSecond === null ? 0 : (1_000 * connections) / perSecond;
    // Not all in the same instant.
    let dueAt = startedAt + Math.random() * intervalMs;
    try {
      for (let turn = 0; !isOver(); turn++) {
        const waitMs = dueAt - performance.now();
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, durationMs)));
        if (isOver()) return;
        // What could not be sent while an answer was awaited is not made up for: an agent has one request in flight.
        dueAt = Math.max(dueAt + intervalMs, performance.now());
        await send(share[turn % share.length]!, connection);
      }
    } catch (error) {
      result.other += 1;
      result.firstOther ??= String(error);
      result.lastBadMs = Math.max(result.lastBadMs, performance.now() - startedAt);
    }
  }

  await Promise.all(shares.map((share, i) => speak(share, open[i]!)));
  for (const connection of open) connection.close();
  const ms = performance.now() - startedAt;
  return { ...result, ms, goodMs: latency(goodMs), refusedMs: latency(refusedMs) };
}
