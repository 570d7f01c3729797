/** Live: how much a thousand listeners of the live stream slow down ingest. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startWorker } from '@muster/testkit';
import { pairedRatio } from '@muster/testkit/report';
import type { Bench } from '../plan.js';
import { withMeasuredFleets } from '../measured-fleet.js';
import type { ListenersHandlers } from '../load/listeners.js';
import { summarizeTurns, takeRounds, type LoadTurn } from '../measure/turn.js';
import { VerificationError } from '../verify.js';

/** Milliseconds within which every listener must receive a recorded change. */
const DELIVERY_MS_MAX = 3_000;

/**
 * Runs the section.
 * @throws VerificationError if a listener did not receive all changes, or ProgramError if a request failed.
 */
export function runLive(bench: Bench) {
  const { cluster, plan, progress } = bench;
  const { hosts, containers, connections, pace, listeners, turnMs } = plan.live;
  return withMeasuredFleets(bench, async (start, use) => {
    const database = await cluster.createDatabase('bench_live');
    const fleet = await start({ name: 'live', database, hosts, containers, mix: 'running' });
    const module = new URL('../load/listeners.js', import.meta.url);
    const audience = use(startWorker<ListenersHandlers>(module), (each) => each.stop());
    await database.settle();
    progress(`live: ${hosts} hosts reported`);
    const changesRecorded = async () =>
      (await database.first<{ count: number }>('SELECT count(*)::int FROM container_events')).count;

    const load = { connections, traffic: { kind: 'mix' }, until: { durationMs: turnMs }, perSecond: pace } as const;
    const turns = await takeRounds(plan.rounds, [fleet], async (measured) => {
      const { server } = measured;
      const alone = await measured.measure(load);
      await audience.call('open', { port: server.port, key: server.adminKey, count: listeners });
      await sleep(DELIVERY_MS_MAX);
      await audience.call('takeReceived');
      const recordedBefore = await changesRecorded();
      const watched = await measured.measure(load);
      await sleep(DELIVERY_MS_MAX);
      const recorded = (await changesRecorded()) - recordedBefore;
      const heard = await audience.call('takeReceived');
      await audience.call('close');
      verifyReceived(recorded, heard.changes);
      return { alone, watched, heard };
    });
    const rounds = turns.get(fleet)!;
    const [alone, watched] = (['alone', 'watched'] as const).map((key) => rounds.map((round) => round[key]));
    progress(`live: ${listeners} listeners`);
    const p99 = (measured: readonly LoadTurn[]) => measured.map(({ latencyMs }) => latencyMs.p99);
    return {
      hosts,
      containers,
      listeners,
      /** The planned calls per second. */
      pace,
      /** What the listeners received in each round. */
      heard: rounds.map(({ heard }) => heard),
      alone: summarizeTurns(alone!),
      watched: summarizeTurns(watched!),
      /** The p99 of ingest with listeners divided by the p99 without listeners, in each round. */
      p99Ratio: pairedRatio(p99(watched!), p99(alone!))!,
    };
  });
}

/** @throws VerificationError unless changes were recorded and every listener received each of them. */
export function verifyReceived(recorded: number, { fewest, most }: { fewest: number; most: number }): void {
  if (recorded > 0 && fewest === recorded && most === recorded) return;
  throw new VerificationError(`live: of ${recorded} recorded changes, listeners received ${fewest} to ${most}`);
}
