/**
 * A fleet that heeds nothing, as a process of its own which can be given a core of its own. It is told over the IPC
 * channel what to send, and tells what came back.
 */
import {
  heartbeatRequest,
  latency,
  openConnection,
  snapshotRequest,
  type Answer,
  type Connection,
  type Latency,
  type SeededHost,
  type WireRequest,
} from '@muster/measure';
import { snapshotOf } from './generation.js';

export interface StormRequest {
  port: number;
  hosts: SeededHost[];
  /** Each speaks for its share of the hosts, by turns; where there are more of them than hosts, several for each. */
  connections: number;
  /** Requests a second, due whether or not earlier ones were answered; null: as fast as answers come. */
  perSecond: number | null;
  durationMs: number;
}

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
  generation: number;
  turn: number;
}

/** Kept between two storms, so that a host's sequence goes on rising. */
const speakers = new Map<string, Speaker>();

function speakerOf(host: SeededHost, number: number): Speaker {
  const known = speakers.get(host.id);
  if (known !== undefined) return known;
  const speaker = { host, number, sequence: 0, generation: 1, turn: number };
  speakers.set(host.id, speaker);
  return speaker;
}

/** As a fleet does: half heartbeats, four tenths the last snapshot again, one tenth a new one. */
function nextOf(speaker: Speaker): WireRequest {
  speaker.turn += 1;
  if (speaker.turn % 2 === 0) return heartbeatRequest(speaker.host, null);
  if (speaker.turn % 10 === 1) speaker.generation += 1;
  speaker.sequence += 1;
  const body = Buffer.from(JSON.stringify(snapshotOf(speaker.number, speaker.generation)));
  return snapshotRequest(speaker.host, speaker.sequence, body);
}

async function storm({ port, hosts, connections, perSecond, durationMs }: StormRequest): Promise<StormResult> {
  const shares = Array.from({ length: connections }, (): Speaker[] => []);
  for (let place = 0; place < Math.max(connections, hosts.length); place++) {
    const number = place % hosts.length;
    shares[place % connections]!.push(speakerOf(hosts[number]!, number));
  }
  const open = await Promise.all(shares.map(() => openConnection(port)));
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
    note(await connection.send(nextOf(speaker)), sentAt);
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
