import { median, spread, type Latency, type Spread } from '@muster/testkit/report';

/** What the turns of a load measure, besides their rate. */
interface LoadCosts {
  latencyMs: Latency;
  /** CPU microseconds per request: of the server's process, and of PostgreSQL's processes. */
  serverCpuUs: number;
  postgresCpuUs: number;
  /** Bytes of write-ahead log per request. */
  walBytes: number;
  eventLoopMs: { p99: number; max: number };
  rssBytes: number;
  requests: number;
  /** Further requests, which the server refused because it was busy (503). */
  unavailable: number;
}

/** The measurements of one turn of load on a server. */
export interface LoadTurn extends LoadCosts {
  perSecond: number;
}

/** The measurements of several turns: medians, maxima of `max` and of the memory, and sums of requests. */
export interface LoadFigures extends LoadCosts {
  perSecond: Spread;
}

export function summarizeTurns(turns: readonly LoadTurn[]): LoadFigures {
  const middle = (of: (turn: LoadTurn) => number) => median(turns.map(of));
  const most = (of: (turn: LoadTurn) => number) => Math.max(...turns.map(of));
  const sum = (of: (turn: LoadTurn) => number) => turns.reduce((total, turn) => total + of(turn), 0);
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
    requests: sum(({ requests }) => requests),
    unavailable: sum(({ unavailable }) => unavailable),
  };
}
