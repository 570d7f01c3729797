import { median, spread } from '@muster/testkit/report';
import type { MeasuredFleet } from '../measured-fleet.js';

/** The measurements of one turn of load on a server. */
export type LoadTurn = Awaited<ReturnType<MeasuredFleet['measure']>>;

export type LoadFigures = ReturnType<typeof summarizeTurns>;

/**
 * Summarizes turns. Adds up the numbers of requests, takes the maximum of `max` and of the memory, and takes the median
 * of each other figure.
 */
export function summarizeTurns(turns: readonly LoadTurn[]) {
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

/**
 * Lets each contender take one turn in each round, so that a disturbance of the machine affects all contenders. The
 * first round is not part of the result, for two reasons. It warms up caches and the compiler. PostgreSQL also writes
 * more than usual, because it writes full pages after a checkpoint. If `takeTurn` returns null, the contender skips the
 * round.
 */
export async function takeRounds<Contender, Turn>(
  rounds: number,
  contenders: readonly Contender[],
  takeTurn: (contender: Contender, round: number) => Promise<Turn | null>,
): Promise<Map<Contender, Turn[]>> {
  const turns = new Map(contenders.map((contender): [Contender, Turn[]] => [contender, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [contender, contenderTurns] of turns) {
      const turn = await takeTurn(contender, round);
      if (turn !== null && round > 0) contenderTurns.push(turn);
    }
  }
  return turns;
}
