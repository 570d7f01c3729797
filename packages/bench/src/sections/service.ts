/** Service level: how many snapshots per second each contender writes to the same database. */
import { performance } from 'node:perf_hooks';
import { advance, NO_PROGRESS, seedHosts, simulateHost, touchesOfPercent } from '@muster/fleet';
import { withDisposables } from '@muster/testkit';
import { ownCpuMs } from '@muster/testkit/proc';
import { pairedRatio, spread, type Spread } from '@muster/testkit/report';
import type { Bench, Change } from '../plan.js';
import type { BenchDatabase } from '../cluster.js';
import { CONTENDER_IDS, type Contender, type ContenderId, type Delivery } from '../contenders/contender.js';
import { createMuster } from '../contenders/muster.js';
import { createPrismaUpserts } from '../contenders/prisma-upserts.js';
import { createSetBased } from '../contenders/set-based.js';
import { takeRounds } from '../measure/turn.js';
import { verifyHost } from '../verify.js';

/** Maximum number of rows per contender, over all its hosts. */
const ROWS_MAX = 20_000;

/** Maximum number of containers that are prepared before a measurement. */
const PREPARED_CONTAINERS_MAX = 100_000;

const NO_CHANGE: Change = { kind: 'none', percent: 0 };

/** A contender and its hosts. */
type Participant = Awaited<ReturnType<typeof createParticipant>>;
type Host = Participant['hosts'][number];

/** A change, the number of containers per snapshot, and the number of snapshots that are written concurrently. */
type Case = Change & { containers: number; concurrency: number };

/** What a contender wrote in a round, and how long it took. */
type Turn = Awaited<ReturnType<typeof takeTurn>>;

/** Runs the section. @throws VerificationError if a contender's rows differ from the snapshots. */
export function runService(bench: Bench) {
  return withDisposables(async (use) => {
    const { sizes, hosts } = bench.plan.service;
    const database = await bench.cluster.createDatabase('bench_service');
    const { url } = database;
    const contenders = [
      await createPrismaUpserts(url),
      createSetBased(url, { history: false }),
      createSetBased(url, { history: true }),
      await createMuster(url),
    ].map((contender) => use(contender, (each) => each.close()));
    const cells: Awaited<ReturnType<typeof runCell>>[] = [];
    for (const containers of sizes) {
      const participants = await createParticipants(bench, database, contenders, containers);
      for (const concurrency of bench.plan.service.concurrencies) {
        for (const change of bench.plan.service.changes) {
          await database.settle();
          cells.push(await runCell(bench, participants, { ...change, containers, concurrency }));
          const { kind, percent } = change;
          bench.progress(`service: ${containers} containers, ${percent} % ${kind}, ${concurrency} at once`);
        }
      }
      await verifyParticipants(database, participants);
    }
    return { hosts, cells };
  });
}

/** Creates the hosts of each contender, and writes their first snapshots. */
async function createParticipants(
  bench: Bench,
  database: BenchDatabase,
  contenders: readonly Contender[],
  containers: number,
): Promise<Participant[]> {
  await database.removeHosts();
  const participants: Participant[] = [];
  for (const contender of contenders) {
    participants.push(await createParticipant(bench, database, contender, containers));
  }
  // `statement` also writes the first snapshots for all other contenders except Muster, because some of them are slow.
  const statement = contenders.find(({ id }) => id === 'statement')!;
  for (const { contender, hosts } of participants) {
    const writer = contender.id === 'muster' ? contender : statement;
    for (const host of hosts) await writer.deliver(nextDelivery(host, NO_CHANGE, containers));
  }
  return participants;
}

async function createParticipant({ plan }: Bench, { pool }: BenchDatabase, contender: Contender, containers: number) {
  const count = Math.max(4, Math.min(plan.service.hosts, Math.floor(ROWS_MAX / containers)));
  const hosts = (await seedHosts(pool, `${contender.id}-${containers}`, count)).map(({ id }, index) => {
    const simulated = simulateHost({ seed: plan.seed, index, containers, mix: 'running' });
    return { id, simulated, progress: NO_PROGRESS, sequence: 0 };
  });
  /**
   * `prepared` is the number of snapshots that have been prepared so far. This number determines which host is next.
   */
  return { contender, hosts, prepared: 0 };
}

async function runCell(bench: Bench, participants: readonly Participant[], cell: Case) {
  const { rounds } = bench.plan;
  const turnsByParticipant = await takeRounds(rounds, participants, async (participant, round) =>
    round > roundsOf(participant.contender.id, cell, rounds) ? null : takeTurn(bench, participant, cell),
  );
  const turns = new Map([...turnsByParticipant].map(([{ contender }, each]) => [contender.id, each]));
  const rates = (id: ContenderId) => turns.get(id)!.map(({ snapshots, ms }) => (1_000 * snapshots) / ms);
  /** Muster's rate divided by the rate of each other contender, in each round. */
  const ratios: Partial<Record<ContenderId, Spread>> = {};
  for (const id of CONTENDER_IDS) {
    const ratio = id === 'muster' ? null : pairedRatio(rates('muster'), rates(id));
    if (ratio !== null) ratios[id] = ratio;
  }
  const figures = [...turns].flatMap(([id, each]) => (each.length > 0 ? summarize(id, each) : []));
  return { ...cell, figures, ratios };
}

/**
 * Returns the last round in which a contender takes part, or -1 if it takes part in none. Round 0 is the warm-up. With
 * large snapshots, `upserts` takes part in fewer rounds, because it needs seconds for each large snapshot, regardless
 * of what has changed.
 */
function roundsOf(id: ContenderId, { containers, kind, concurrency }: Case, rounds: number): number {
  if (id !== 'upserts' || containers <= 50) return rounds;
  if (containers <= 200) return Math.min(rounds, 3);
  if (concurrency > 1 || kind !== 'restarted') return -1;
  return Math.min(rounds, containers <= 1_000 ? 2 : 1);
}

/**
 * Lets a contender write snapshots for about `turnMs`. Snapshots are prepared in batches, outside of the measured time.
 * The rate so far determines the size of the next batch.
 */
async function takeTurn({ plan, cluster }: Bench, participant: Participant, cell: Case) {
  const turn = { snapshots: 0, ms: 0, nodeCpuMs: 0, postgresCpuMs: 0 };
  const { containers, concurrency } = cell;
  const { turnMs } = plan.service;
  const sizeMax = Math.floor(PREPARED_CONTAINERS_MAX / containers / concurrency) * concurrency;
  let size = concurrency;
  while (turn.ms < turnMs) {
    // All snapshots of a host are in the same queue, so they stay in order.
    const queues: Delivery[][] = Array.from({ length: concurrency }, () => []);
    for (let i = 0; i < size; i++) {
      const index = participant.prepared++ % participant.hosts.length;
      queues[index % concurrency]!.push(nextDelivery(participant.hosts[index]!, cell));
    }
    const before = { node: ownCpuMs(), postgres: cluster.cpuMs() };
    const startedAt = performance.now();
    await Promise.all(
      queues.map(async (queue) => {
        for (const delivery of queue) await participant.contender.deliver(delivery);
      }),
    );
    turn.ms += performance.now() - startedAt;
    turn.nodeCpuMs += ownCpuMs() - before.node;
    turn.postgresCpuMs += cluster.cpuMs() - before.postgres;
    turn.snapshots += size;
    const wanted = Math.ceil(((turnMs - turn.ms) * turn.snapshots) / turn.ms / concurrency) * concurrency;
    size = Math.max(concurrency, Math.min(wanted, sizeMax));
  }
  return turn;
}

/**
 * Returns the host's next snapshot. `changes`: the number of containers that differ from the previous snapshot
 * (default: the containers that the change affects).
 */
function nextDelivery(host: Host, { kind, percent }: Change, changes?: number): Delivery {
  const { id: hostId, simulated } = host;
  const touches = touchesOfPercent(percent, simulated.shape.containers);
  host.progress = advance(host.progress, kind, touches);
  host.sequence += 1;
  const containers = simulated.snapshot(host.progress);
  const body = Buffer.from(JSON.stringify(containers));
  const order = { sequence: host.sequence, observedAt: new Date() };
  return { hostId, containers, changes: changes ?? touches, body, ...order };
}

/** Returns the figures of one contender in one case. */
function summarize(contender: ContenderId, turns: readonly Turn[]) {
  const sum = (of: (turn: Turn) => number) => turns.reduce((total, turn) => total + of(turn), 0);
  const snapshots = sum((turn) => turn.snapshots);
  return {
    contender,
    snapshotsPerSecond: spread(turns.map((turn) => (1_000 * turn.snapshots) / turn.ms)),
    /** CPU milliseconds of this process per snapshot, over all rounds. */
    nodeCpuMs: sum((turn) => turn.nodeCpuMs) / snapshots,
    /** CPU milliseconds of PostgreSQL's processes per snapshot, over all rounds. */
    postgresCpuMs: sum((turn) => turn.postgresCpuMs) / snapshots,
    snapshots,
  };
}

/** For one host of each participant, removes one container and adds another. Then checks every row of every host. */
async function verifyParticipants(database: BenchDatabase, participants: readonly Participant[]): Promise<void> {
  for (const { contender, hosts } of participants) {
    const host = hosts[0]!;
    host.progress = { ...host.progress, absent: 1, added: 1 };
    await contender.deliver(nextDelivery(host, NO_CHANGE, 2));
    for (const each of hosts) await verifyHost(database.pool, contender.id, each);
  }
}
