/** The load driver: sends a fleet's requests on many connections, and counts the responses. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Paths, type HeartbeatResponse, type SyncSummary } from '@muster/contracts';
import { ownCpuMs } from '@muster/testkit/proc';
import { seededRandom } from '@muster/testkit/random';
import { createLatencies, latencyOf, recordLatency } from '../latencies.js';
import { openConnection, type Connection } from './connection.js';
import type { LoadHost, Traffic } from './host.js';

export interface Load {
  port: number;
  /**
   * Each connection sends the requests of its share of the hosts in turn. Except in a storm, there are at most as many
   * connections as hosts.
   */
  connections: number;
  traffic: Traffic;
  /** The load ends after a time, or after a number of requests per host. */
  until: { durationMs: number } | { perHost: number };
  /** Requests per second of all connections together. Default: as fast as responses arrive. */
  perSecond?: number;
  /**
   * Whether the load is a storm, which may have more connections than hosts. If a request is due while its connection
   * waits for a response, a storm skips the request. Other loads send the request late, and measure its latency from
   * the time at which it was due.
   */
  isStorm?: boolean;
}

export type LoadResult = Awaited<ReturnType<typeof drive>>;

/** Sends one load, and returns when its last response has arrived. */
export async function drive(fleet: readonly LoadHost[], load: Load) {
  const { port, traffic, until, perSecond, isStorm = false } = load;
  const hosts = traffic.kind === 'removal' ? fleet.filter((_, index) => index % traffic.every === 0) : fleet;
  const count = isStorm ? load.connections : Math.min(load.connections, hosts.length);
  const shares = Array.from({ length: count }, (): LoadHost[] => []);
  for (let place = 0; place < Math.max(count, hosts.length); place++) {
    shares[place % count]!.push(hosts[place % hosts.length]!);
  }
  // If several connections send snapshots of one host, an older snapshot can arrive after a newer snapshot. The API
  // then does not apply it.
  const isOrdered = count <= hosts.length;
  const connections = await openConnections(port, count, isStorm);

  const latencies = createLatencies();
  const result = {
    sent: 0,
    /** Responses with status 200. */
    ok: 0,
    /** Responses with status 503 and, in a storm, also responses with status 429. */
    refused: 0,
    refusedWithoutRetryAfter: 0,
    /** Other statuses, broken connections, and responses with status 200 that did not apply the snapshot. */
    wrong: 0,
    firstWrong: null as string | null,
    /**
     * When the last request that got no response with status 200 was sent, in ms after the start; 0 if there was no
     * such request.
     */
    lastNotOkMs: 0,
  };
  const recordWrong = (reason: string) => {
    result.wrong += 1;
    result.firstWrong ??= reason.slice(0, 500);
  };
  const cpuMsBefore = ownCpuMs();
  const startedAt = performance.now();
  const durationMs = 'durationMs' in until ? until.durationMs : Infinity;
  // `perSecond` is the rate of all connections together.
  const intervalMs = perSecond === undefined ? 0 : (1_000 * count) / perSecond;

  async function sendTurn(host: LoadHost, connection: Connection, random: number, dueAt: number | null) {
    const readyAt = performance.now();
    const { request, accepted } = host.next(traffic, random);
    // The latency in a storm includes the compression of the snapshot, because a real agent also compresses snapshots.
    const sentAt = dueAt ?? (isStorm ? readyAt : performance.now());
    result.sent += 1;
    const answer = await connection.send(request);
    if (answer.status === 200) {
      result.ok += 1;
      recordLatency(latencies, performance.now() - sentAt);
      const summary = JSON.parse(answer.body.toString('latin1')) as Partial<SyncSummary & HeartbeatResponse>;
      const { digest, applied, snapshotRequired } = summary;
      accepted(digest);
      // Heartbeats of a storm have no digest, so each response requires a snapshot.
      if ((applied === false && isOrdered) || (snapshotRequired === true && !isStorm))
        recordWrong(answer.body.toString());
      return;
    }
    result.lastNotOkMs = Math.max(result.lastNotOkMs, sentAt - startedAt);
    if (answer.status === 503 || (answer.status === 429 && isStorm)) {
      result.refused += 1;
      if (!/\r\nretry-after: \d/i.test(answer.head)) result.refusedWithoutRetryAfter += 1;
    } else {
      recordWrong(`${answer.status} ${answer.body.toString()}`);
    }
  }

  async function sendShare(share: readonly LoadHost[], connection: Connection, number: number): Promise<void> {
    const random = seededRandom(number);
    const turns = 'perHost' in until ? until.perHost * share.length : Infinity;
    // The first requests are spread over the interval, so that the connections do not send at the same instant.
    let dueAt = startedAt + intervalMs * (isStorm ? Math.random() : number / count);
    for (let turn = 0; turn < turns; turn++) {
      const waitMs = dueAt - performance.now();
      if (intervalMs > 0 && waitMs > 0) await sleep(Math.min(waitMs, durationMs));
      if (performance.now() - startedAt >= durationMs) return;
      // A request counts as late only if its connection was still waiting for a response when the request was due. A
      // delay of the timer does not count.
      const isLate = !isStorm && intervalMs > 0 && waitMs < 0;
      const wasDueAt = dueAt;
      dueAt = isStorm ? Math.max(dueAt + intervalMs, performance.now()) : dueAt + intervalMs;
      await sendTurn(share[turn % share.length]!, connection, random(), isLate ? wasDueAt : null);
    }
  }

  const onBroken = (error: unknown) => {
    recordWrong(String(error));
    result.lastNotOkMs = Math.max(result.lastNotOkMs, performance.now() - startedAt);
  };
  await Promise.all(shares.map((share, i) => sendShare(share, connections[i]!, i + 1).catch(onBroken)));
  for (const connection of connections) connection.close();
  const cpuMs = ownCpuMs() - cpuMsBefore;
  // `okMs` covers only responses with status 200. `cpuMs` is the CPU time of this process.
  return { ...result, okMs: latencyOf(latencies), ms: performance.now() - startedAt, cpuMs };
}

/** Maximum number of connections that are opened concurrently. */
const OPENING_MAX = 256;

/**
 * Opens connections. A client sees a connection as open before Node.js accepts it, and Node.js accepts one connection
 * per turn of its event loop. Some connections of a storm could therefore stay unaccepted until the end of the storm.
 * To prevent this, each connection of a storm first sends a request and waits for the response.
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
