import type { BenchCluster, BenchDatabase } from '../cluster.js';
import type { LoadGenerator } from '../load/client.js';
import type { LoadRequest } from '../load/generator.js';
import type { ServerProcess } from '../program.js';
import { median, spread, type Latency, type Spread } from '@muster/testkit/report';

/** What a server did in one turn under load, for each request where it says so. */
export interface LoadTurn {
  requests: number;
  /** Requests beside these that the server was too busy for (503). */
  unavailable: number;
  perSecond: number;
  latencyMs: Latency;
  /** CPU microseconds a request: of the server's process, and of PostgreSQL's. */
  serverCpuUs: number;
  postgresCpuUs: number;
  /** Bytes of write-ahead log a request. */
  walBytes: number;
  eventLoopMs: { p99: number; max: number };
  rssBytes: number;
}

/** The same over several turns. */
export interface LoadFigures {
  perSecond: Spread;
  /** Medians of the turns; `max` is the largest of all. */
  latencyMs: Latency;
  serverCpuUs: number;
  postgresCpuUs: number;
  walBytes: number;
  eventLoopMs: { p99: number; max: number };
  rssBytes: number;
  requests: number;
  unavailable: number;
}

export interface TurnParts {
  cluster: BenchCluster;
  database: BenchDatabase;
  generator: LoadGenerator;
  server: ServerProcess;
  /** What the log grows by itself, subtracted. */
  idleWalBytesPerSecond: number;
}

/** Puts load on a server and measures it, the database and what the server says of itself. */
export async function measureTurn(parts: TurnParts, load: Omit<LoadRequest, 'port'>): Promise<LoadTurn> {
  const { cluster, database, generator, server, idleWalBytesPerSecond } = parts;
  const walBefore = await database.walBytes();
  const before = await server.read();
  const postgresBefore = cluster.cpuMs();
  const { requests, unavailable, ms, latencyMs } = await generator.load({ ...load, port: server.port });
  const postgresMs = cluster.cpuMs() - postgresBefore;
  const after = await server.read();
  const walBytes = (await database.walBytes()) - walBefore - (idleWalBytesPerSecond * ms) / 1_000;
  return {
    ...{ requests, unavailable, perSecond: (1_000 * requests) / ms, latencyMs },
    serverCpuUs: (1_000 * (after.cpuMs - before.cpuMs)) / requests,
    postgresCpuUs: (1_000 * postgresMs) / requests,
    walBytes: Math.max(0, walBytes) / requests,
    eventLoopMs: after.eventLoop,
    rssBytes: after.rssBytes,
  };
}

export function summarizeTurns(turns: readonly LoadTurn[]): LoadFigures {
  const middle = (of: (turn: LoadTurn) => number) => median(turns.map(of));
  const most = (of: (turn: LoadTurn) => number) => Math.max(...turns.map(of));
  return {
    perSecond: spread(turns.map(({ perSecond }) => perSecond)),
    latencyMs: {
      p50: middle(({ latencyMs }) => latencyMs.p50),
      p95: middle(({ latencyMs }) => latencyMs.p95),
      p99: middle(({ latencyMs }) => latencyMs.p99),
      max: most(({ latencyMs }) => latencyMs.max),
    },
    serverCpuUs: middle(({ serverCpuUs }) => serverCpuUs),
    postgresCpuUs: middle(({ postgresCpuUs }) => postgresCpuUs),
    walBytes: middle(({ walBytes }) => walBytes),
    eventLoopMs: { p99: middle(({ eventLoopMs }) => eventLoopMs.p99), max: most(({ eventLoopMs }) => eventLoopMs.max) },
    rssBytes: most(({ rssBytes }) => rssBytes),
    requests: turns.reduce((sum, { requests }) => sum + requests, 0),
    unavailable: turns.reduce((sum, { unavailable }) => sum + unavailable, 0),
  };
}
