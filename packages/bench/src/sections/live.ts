/** Live: what a thousand people who watch cost those who report. */
import { fileURLToPath } from 'node:url';
import { pairedRatio, type Spread } from '@muster/testkit/report';
import { askProgram, ProgramError } from '@muster/testkit';
import type { Bench } from '../bench.js';
import { startGenerator } from '../load/client.js';
import type { Heard, ListenersAnswer, ListenersRequest } from '../load/listeners.js';
import { measureTurn, summarizeTurns, type LoadFigures, type LoadTurn, type TurnParts } from '../measure/turn.js';
import { startProgram, startServer, stopProgram } from '../program.js';
import { VerificationError } from '../verify.js';
import { everyHostOnce, newAdminKey, serverEnv } from './http.js';

export interface LiveResult {
  hosts: number;
  containers: number;
  listeners: number;
  /** Calls a second that are asked for. */
  pace: number;
  alone: LoadFigures;
  watched: LoadFigures;
  /** p99 of ingest with listeners over that without, of paired rounds. */
  p99Ratio: Spread;
  /** Of each round with listeners. */
  heard: Heard[];
}

/** After which whatever was recorded has been told. */
const TOLD_MS = 3_000;

/** Runs the section. @throws VerificationError if somebody was not told all, or ProgramError if a request failed. */
export async function runLive({ cluster, plan, signal, progress }: Bench): Promise<LiveResult> {
  const { hosts, containers, connections, pace, listeners, turnMs } = plan.live;
  const database = await cluster.createDatabase('bench_live');
  const generator = startGenerator(signal);
  const key = newAdminKey();
  const server = await startServer('muster', serverEnv(database.url, key));
  const audience = startAudience(signal);
  try {
    const seeded = await database.addHosts('live', hosts);
    await generator.fleet('live', { hosts: seeded, seed: plan.seed, containers, mix: 'running' });
    await generator.load({ ...everyHostOnce('live'), port: server.port });
    await database.settle();
    progress(`live: ${hosts} hosts are there`);

    const parts: TurnParts = { cluster, database, generator, server, idleWalBytesPerSecond: 0 };
    const load = { fleet: 'live', connections, traffic: { kind: 'mix' } as const };
    const turn = () => measureTurn(parts, { ...load, extent: { durationMs: turnMs, perSecond: pace } });
    const turns: Record<'alone' | 'watched', LoadTurn[]> = { alone: [], watched: [] };
    const heard: Heard[] = [];
    for (let round = 0; round <= plan.rounds; round++) {
      signal.throwIfAborted();
      const alone = await turn();
      await audience.ask({ ask: 'open', port: server.port, key, count: listeners });
      await new Promise((resolve) => setTimeout(resolve, TOLD_MS));
      await audience.ask({ ask: 'heard' });
      const recordedBefore = await changesRecorded();
      const watched = await turn();
      await new Promise((resolve) => setTimeout(resolve, TOLD_MS));
      const recorded = (await changesRecorded()) - recordedBefore;
      const told = (await audience.ask({ ask: 'heard' }))!;
      await audience.ask({ ask: 'close' });
      if (told.changes.fewest !== recorded || told.changes.most !== recorded) {
        const { fewest, most } = told.changes;
        throw new VerificationError(`live: of ${recorded} changes, listeners heard ${fewest} to ${most}`);
      }
      if (round === 0) continue;
      turns.alone.push(alone);
      turns.watched.push(watched);
      heard.push(told);
    }
    progress(`live: ${listeners} listeners`);
    const p99 = (taken: readonly LoadTurn[]) => taken.map(({ latencyMs }) => latencyMs.p99);
    return {
      ...{ hosts, containers, listeners, pace, heard },
      ...{ alone: summarizeTurns(turns.alone), watched: summarizeTurns(turns.watched) },
      p99Ratio: pairedRatio(p99(turns.watched), p99(turns.alone))!,
    };
  } finally {
    await Promise.all([generator.stop(), audience.stop(), server.stop()]);
    await database.close();
  }

  async function changesRecorded(): Promise<number> {
    const { rows } = await database.pool.query<{ count: string }>('SELECT count(*) FROM container_events');
    return Number(rows[0]!.count);
  }
}

/** The process of those who listen. When `signal` is aborted it ends at once. */
function startAudience(signal: AbortSignal) {
  const child = startProgram(fileURLToPath(new URL('../load/listeners.js', import.meta.url)), {});
  child.stderr?.pipe(process.stderr);
  const end = () => child.kill('SIGKILL');
  signal.addEventListener('abort', end, { once: true });
  return {
    async ask(request: ListenersRequest): Promise<Heard | null> {
      const answer = await askProgram<ListenersAnswer>(child, request);
      if ('error' in answer) throw new ProgramError(`the listeners failed: ${answer.error}`);
      return answer.result;
    },
    async stop() {
      signal.removeEventListener('abort', end);
      await stopProgram(child);
    },
  };
}
