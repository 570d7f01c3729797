/** The load driver: sends a fleet's requests on many connections, and counts the answers. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Paths } from '@muster/contracts';
import { seededRandom } from '@muster/testkit/random';
import type { Latency } from '@muster/testkit/report';
import { openConnection, type Connection } from './connection.js';
import type { LoadHost, Traffic } from './host.js';

export interface Load {
  port: number;
  /** Each sends for its share of the hosts in turn. There are at most as many as hosts, except in a storm. */
  connections: number;
  traffic: Traffic;
  /** Ends after a time, or after so many requests of each host. */
  until: { durationMs: number } | { perHost: number };
  /** Requests per second of all connections together. Default: as fast as answers arrive. */
  perSecond?: number;
  /**
   * A storm may have more connections than hosts, and skips a request that is due while its connection waits for an
   * answer. Otherwise, such a request is sent late, and its latency counts from when it was due.
   */
  isStorm?: boolean;
}

export interface LoadResult {
  sent: number;
  /** Answers with status 200. */
  ok: number;
  /** Answers with status 503, and in a storm those with 429. */
  refused: number;
  refusedWithoutRetryAfter: number;
  /** Other statuses, broken connections, and answers with status 200 that did not apply the snapshot. */
  wrong: number;
  firstWrong: string | null;
  /** Latency of answers with status 200, in ms to three digits; NaN if there are none. */
  okMs: Latency;
  ms: number;
  /** CPU time of this process during the load, in ms. */
  cpuMs: number;
  /** When the last request was sent that was not answered with 200, in ms after the start; 0: none. */
  lastNotOkMs: number;
}

/** Sends one load, and returns when its last answer has arrived. */
export async function drive(fleet: readonly LoadHost[], load: Load): Promise<LoadResult> {
  const { port, traffic, until, perSecond, isStorm = false } = load;
  const hosts = traffic.kind === 'removal' ? fleet.filter((_, index) => index % traffic.every === 0) : fleet;
  const count = isStorm ? load.connections : Math.min(load.connections, hosts.length);
  const shares = Array.from({ length: count }, (): LoadHost[] => []);
  for (let place = 0; place < Math.max(count, hosts.length); place++) {
    shares[place % count]!.push(hosts[place % hosts.length]!);
  }
  // Snapshots of one host on several connections overtake each other: the API does not apply the older one.
  const isOrdered = count <= hosts.length;
  const connections = await openConnections(port, count, isStorm);

  const latencies = createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 });
  const result = { sent: 0, ok: 0, refused: 0, refusedWithoutRetryAfter: 0, wrong: 0, lastNotOkMs: 0 };
  let firstWrong: string | null = null;
  const wrong = (reason: string) => {
    result.wrong += 1;
    firstWrong ??= reason.slice(0, 500);
  };
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const durationMs = 'durationMs' in until ? until.durationMs : Infinity;
  // All connections together keep the pace.
  const intervalMs = perSecond === undefined ? 0 : (1_000 * count) / perSecond;

  async function sendTurn(host: LoadHost, connection: Connection, random: number, dueAt: number | null) {
    const readyAt = performance.now();
    const { request, accepted } = host.next(traffic, random);
    // A storm's latency includes the compression of the snapshot, as an agent's does.
    const sentAt = dueAt ?? (isStorm ? readyAt : performance.now());
    result.sent += 1;
    const answer = await connection.send(request);
    if (answer.status === 200) {
      result.ok += 1;
      latencies.record(Math.max(1, Math.round(1_000 * (performance.now() - sentAt))));
      const { digest, applied, snapshotRequired } = JSON.parse(answer.body.toString('latin1')) as AcceptedAnswer;
      accepted(digest);
      // Heartbeats of a storm have no digest, so the API asks for a snapshot each time.
      if ((applied === false && isOrdered) || (snapshotRequired === true && !isStorm)) wrong(answer.body.toString());
      return;
    }
    result.lastNotOkMs = Math.max(result.lastNotOkMs, sentAt - startedAt);
    if (answer.status === 503 || (answer.status === 429 && isStorm)) {
      result.refused += 1;
      if (!/\r\nretry-after: \d/i.test(answer.head)) result.refusedWithoutRetryAfter += 1;
    } else {
      wrong(`${answer.status} ${answer.body.toString()}`);
    }
  }

  async function sendShare(share: readonly LoadHost[], connection: Connection, number: number): Promise<void> {
    const random = seededRandom(number);
    const turns = 'perHost' in until ? until.perHost * share.length : Infinity;
    // The connections do not start at the same instant.
    let dueAt = startedAt + intervalMs * (isStorm ? Math.random() : number / count);
    for (let turn = 0; turn < turns; turn++) {
      const waitMs = dueAt - performance.now();
      if (intervalMs > 0 && waitMs > 0) await sleep(Math.min(waitMs, durationMs));
      if (performance.now() - startedAt >= durationMs) return;
      // A request that had to wait for an answer is late; a timer that fires late is not the server's fault.
      const isLate = !isStorm && intervalMs > 0 && waitMs < 0;
      const wasDueAt = dueAt;
      dueAt = isStorm ? Math.max(dueAt + intervalMs, performance.now()) : dueAt + intervalMs;
      await sendTurn(share[turn % share.length]!, connection, random(), isLate ? wasDueAt : null);
    }
  }

  const onBroken = (error: unknown) => {
    wrong(String(error));
    result.lastNotOkMs = Math.max(result.lastNotOkMs, performance.now() - startedAt);
  };
  await Promise.all(shares.map((share, i) => sendShare(share, connections[i]!, i + 1).catch(onBroken)));
  for (const connection of connections) connection.close();
  const { user, system } = process.cpuUsage(cpuBefore);
  const ms = performance.now() - startedAt;
  return { ...result, firstWrong, ms, cpuMs: (user + system) / 1_000, okMs: latencyOf(latencies) };
}

/** What the driver reads from an answer with status 200. */
interface AcceptedAnswer {
  digest?: string | null;
  applied?: boolean;
  snapshotRequired?: boolean;
}

/** Connections that are opened at once. */
const OPENING_MAX = 256;

/**
 * Opens connections. A connection counts as open before Node accepts it, and Node accepts one per turn of its event
 * loop. In a storm, connections that Node has not accepted would wait until the end, so `isStorm` waits for an answer
 * on each.
 */
async function openConnections(port: number, count: number, isStorm: boolean): Promise<Connection[]> {
  const connections: Connection[] = [];
  while (connections.length < count) {
    const batch = Array.from({ length: Math.min(OPENING_MAX, count - connections.length) }, async () => {
      const connection = await openConnection(port);
      if (isStorm) await connection.send({ path: Paths.health });
      return connection;
    });
    connections.push(...(await Promise.all(batch)));
  }
  return connections;
}

/** Returns the latencies of a histogram of microseconds. A histogram without values reads 0, which looks like success. */
function latencyOf(histogram: RecordableHistogram): Latency {
  const ms = (us: number) => (histogram.count === 0 ? NaN : us / 1_000);
  return {
    p50: ms(histogram.percentile(50)),
    p95: ms(histogram.percentile(95)),
    p99: ms(histogram.percentile(99)),
    max: ms(histogram.max),
  };
}
