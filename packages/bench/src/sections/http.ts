/** HTTP: the API as a process, compared with a bare Express route and a row loop under the same load. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Traffic } from '@muster/fleet';
import { pairedRatio } from '@muster/testkit/report';
import type { Bench } from '../plan.js';
import type { BenchDatabase } from '../cluster.js';
import { withMeasuredFleets, type MeasuredFleet, type ServerId } from '../measured-fleet.js';
import { summarizeTurns, takeRounds, type LoadFigures } from '../measure/turn.js';
import { VerificationError } from '../verify.js';

const changedTraffic = (percent: number): Traffic => ({ kind: 'changed', change: 'restarted', percent });

/**
 * The cases, by their names in reports. The row loop (`rows`) takes part only in the cases with changed snapshots. It
 * has no heartbeats. Because it rewrites every row, an unchanged snapshot would cost as much as a changed one.
 */
const CASES: Readonly<Record<string, { traffic: Traffic; contenders: readonly ServerId[] }>> = {
  heartbeat: { traffic: { kind: 'heartbeat' }, contenders: ['bare', 'muster'] },
  unchanged: { traffic: { kind: 'unchanged' }, contenders: ['bare', 'muster'] },
  '2 % changed': { traffic: changedTraffic(2), contenders: ['bare', 'rows', 'muster'] },
  '100 % changed': { traffic: changedTraffic(100), contenders: ['bare', 'rows', 'muster'] },
};

/** The figures of one case. */
export type HttpCell = Awaited<ReturnType<typeof runCell>>;

type MeasuredFleets = Readonly<Record<ServerId, MeasuredFleet>>;

/** Runs the section. @throws VerificationError, or ProgramError if a request failed. */
export function runHttp(bench: Bench) {
  const { hosts, containers, connections, stallContainers } = bench.plan.http;
  return withMeasuredFleets(bench, async (start) => {
    const database = await bench.cluster.createDatabase('bench_http');
    const startFleet = (server: ServerId) =>
      start({ name: server, server, database, hosts, containers, mix: 'running' });
    const fleets: MeasuredFleets = {
      bare: await startFleet('bare'),
      rows: await startFleet('rows'),
      muster: await startFleet('muster'),
    };
    await database.settle();
    const idleWalBytesPerSecond = await measureIdleWal(bench, database);
    const cells: HttpCell[] = [];
    for (const count of connections) {
      for (const name of Object.keys(CASES)) {
        await database.settle();
        cells.push(await runCell(bench, fleets, name, count, idleWalBytesPerSecond));
        bench.progress(`http: ${name}, ${count} connections`);
      }
    }
    await verifyHostsSeen(fleets.bare);
    await fleets.rows.verify();
    await fleets.muster.verify();
    const shape = { hosts: 1, containers: stallContainers, mix: 'running' } as const;
    const stall = await start({ name: 'stall', server: fleets.muster.server, database, ...shape });
    return { hosts, containers, idleWalBytesPerSecond, cells, stall: await measureStalls(bench, stall) };
  });
}

/** Returns the number of WAL bytes that the database writes per second without requests. */
async function measureIdleWal({ plan }: Bench, database: BenchDatabase): Promise<number> {
  const before = await database.walBytes();
  await sleep(plan.http.idleMs);
  return (1_000 * ((await database.walBytes()) - before)) / plan.http.idleMs;
}

async function runCell(bench: Bench, fleets: MeasuredFleets, name: string, connections: number, idleWalPerS: number) {
  const { traffic, contenders } = CASES[name]!;
  const load = { connections, traffic, until: { durationMs: bench.plan.http.turnMs } };
  const turns = await takeRounds(bench.plan.rounds, contenders, (id) => fleets[id].measure(load, idleWalPerS));
  const rates = (id: ServerId) => (turns.get(id) ?? []).map(({ perSecond }) => perSecond);
  const cpu = (id: ServerId) => (turns.get(id) ?? []).map((turn) => turn.serverCpuUs + turn.postgresCpuUs);
  const figures: Partial<Record<ServerId, LoadFigures>> = Object.fromEntries(
    [...turns].map(([id, measured]) => [id, summarizeTurns(measured)]),
  );
  return {
    case: name,
    connections,
    figures,
    /** Muster's rate divided by the bare route's rate, in each round. */
    rateOverBare: pairedRatio(rates('muster'), rates('bare')),
    /** The row loop's CPU time per request (server and PostgreSQL) divided by Muster's CPU time, in each round. */
    cpuOfRowsOverMuster: pairedRatio(cpu('rows'), cpu('muster')),
  };
}

/**
 * Checks that the bare route marked every host as seen. The bare route stores no containers, so nothing else can be
 * checked.
 * @throws VerificationError
 */
async function verifyHostsSeen(fleet: MeasuredFleet): Promise<void> {
  const ids = (await fleet.finish()).map(({ id }) => id);
  const neverSeen = 'SELECT FROM hosts WHERE id = ANY ($1) AND "lastSeenAt" IS NULL';
  const { rowCount } = await fleet.database.pool.query(neverSeen, [ids]);
  if (rowCount !== 0) throw new VerificationError(`bare: ${rowCount} hosts were never marked as seen`);
}

/**
 * Measures how long very large snapshots block the event loop. Each snapshot differs from the previous one in every
 * container of its host.
 */
async function measureStalls({ plan, progress }: Bench, fleet: MeasuredFleet) {
  const { stallContainers: containers, stallRequests } = plan.http;
  const requests = await takeRounds(stallRequests, [fleet], async ({ server, send }) => {
    await server.call('loop', 1);
    const { okMs } = await send({ connections: 1, traffic: changedTraffic(100), until: { perHost: 1 } });
    return { stallMs: (await server.call('loop')).eventLoop.max, requestMs: okMs.max };
  });
  await fleet.verify();
  progress(`http: ${containers} containers in one snapshot`);
  const [last] = await fleet.finish();
  const bodyBytes = Buffer.byteLength(JSON.stringify(last!.simulated.snapshot(last!.progress)));
  const measured = requests.get(fleet)!;
  const stallsMs = measured.map(({ stallMs }) => stallMs);
  return { containers, bodyBytes, stallsMs, requestMs: measured.map(({ requestMs }) => requestMs) };
}
