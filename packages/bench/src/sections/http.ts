/** HTTP: the API as a process, compared with a bare Express route and a row loop under the same load. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Traffic } from '@muster/fleet';
import { pairedRatio, type Spread } from '@muster/testkit/report';
import type { Bench } from '../plan.js';
import type { BenchDatabase } from '../cluster.js';
import { withLanes, type Lane } from '../lane.js';
import { summarizeTurns, type LoadFigures, type LoadTurn } from '../measure/turn.js';
import type { ServerId } from '../program.js';
import { VerificationError } from '../verify.js';

/** The cases, by their names in reports. */
export const HTTP_CASES = ['heartbeat', 'unchanged', '2 % changed', '100 % changed'] as const;
export type HttpCase = (typeof HTTP_CASES)[number];

const changed = (percent: number): Traffic => ({ kind: 'changed', change: 'restarted', percent });

/** A row loop rewrites every row: it has no heartbeats, and treats an unchanged snapshot as a changed one. */
const CASES: Readonly<Record<HttpCase, { traffic: Traffic; contenders: readonly ServerId[] }>> = {
  heartbeat: { traffic: { kind: 'heartbeat' }, contenders: ['bare', 'muster'] },
  unchanged: { traffic: { kind: 'unchanged' }, contenders: ['bare', 'muster'] },
  '2 % changed': { traffic: changed(2), contenders: ['bare', 'rows', 'muster'] },
  '100 % changed': { traffic: changed(100), contenders: ['bare', 'rows', 'muster'] },
};

export interface HttpCell {
  case: HttpCase;
  connections: number;
  figures: Partial<Record<ServerId, LoadFigures>>;
  /** Muster's rate over the bare route's, in paired rounds. */
  rateOverBare: Spread | null;
  /** The row loop's CPU time per request (server and PostgreSQL) over Muster's, in paired rounds. */
  cpuOfRowsOverMuster: Spread | null;
}

export interface StallResult {
  containers: number;
  bodyBytes: number;
  /** The longest block of the event loop during each request, in ms. */
  stallsMs: number[];
  requestMs: number[];
}

export interface HttpResult {
  hosts: number;
  containers: number;
  idleWalBytesPerSecond: number;
  cells: HttpCell[];
  stall: StallResult;
}

type Lanes = Readonly<Record<ServerId, Lane>>;

/** Runs the section. @throws VerificationError, or ProgramError if a request failed. */
export function runHttp(bench: Bench): Promise<HttpResult> {
  const { hosts, containers, connections, stallContainers } = bench.plan.http;
  return withLanes(bench, async (open) => {
    const database = await bench.cluster.createDatabase('bench_http');
    const openLane = (server: ServerId) => open({ name: server, server, database, hosts, containers, mix: 'running' });
    const lanes: Lanes = {
      bare: await openLane('bare'),
      rows: await openLane('rows'),
      muster: await openLane('muster'),
    };
    await database.settle();
    const idleWalBytesPerSecond = await idleWal(bench, database);
    const cells: HttpCell[] = [];
    for (const count of connections) {
      for (const name of HTTP_CASES) {
        await database.settle();
        cells.push(await runCell(bench, lanes, name, count, idleWalBytesPerSecond));
        bench.progress(`http: ${name}, ${count} connections`);
      }
    }
    await verifySeen(lanes.bare);
    await lanes.rows.verify();
    await lanes.muster.verify();
    const shape = { hosts: 1, containers: stallContainers, mix: 'running' } as const;
    const stall = await open({ name: 'stall', server: lanes.muster.server, database, ...shape });
    return { hosts, containers, idleWalBytesPerSecond, cells, stall: await measureStalls(bench, stall) };
  });
}

/** Returns the bytes of write-ahead log per second without requests. */
async function idleWal({ plan, signal }: Bench, database: BenchDatabase): Promise<number> {
  const before = await database.walBytes();
  await sleep(plan.http.idleMs);
  signal.throwIfAborted();
  return (1_000 * ((await database.walBytes()) - before)) / plan.http.idleMs;
}

async function runCell(
  { plan, signal }: Bench,
  lanes: Lanes,
  name: HttpCase,
  connections: number,
  idleWalBytesPerSecond: number,
): Promise<HttpCell> {
  const { traffic, contenders } = CASES[name];
  const load = { connections, traffic, until: { durationMs: plan.http.turnMs } };
  const turns: Partial<Record<ServerId, LoadTurn[]>> = {};
  for (let round = 0; round <= plan.rounds; round++) {
    for (const id of contenders) {
      signal.throwIfAborted();
      const turn = await lanes[id].measure(load, idleWalBytesPerSecond);
      // The first round warms up the compiler, and pays for the first change of each page after a checkpoint.
      if (round > 0) (turns[id] ??= []).push(turn);
    }
  }
  const rates = (id: ServerId) => (turns[id] ?? []).map(({ perSecond }) => perSecond);
  const cpu = (id: ServerId) => (turns[id] ?? []).map(({ serverCpuUs, postgresCpuUs }) => serverCpuUs + postgresCpuUs);
  return {
    case: name,
    connections,
    figures: Object.fromEntries(Object.entries(turns).map(([id, measured]) => [id, summarizeTurns(measured)])),
    rateOverBare: pairedRatio(rates('muster'), rates('bare')),
    cpuOfRowsOverMuster: pairedRatio(cpu('rows'), cpu('muster')),
  };
}

/** The bare route keeps no containers. @throws VerificationError unless it recorded that it saw every host. */
async function verifySeen(lane: Lane): Promise<void> {
  const ids = (await lane.finish()).map(({ id }) => id);
  const { rowCount } = await lane.database.pool.query(
    'SELECT FROM hosts WHERE id = ANY ($1) AND "lastSeenAt" IS NULL',
    [ids],
  );
  if (rowCount !== 0) throw new VerificationError(`bare: ${rowCount} hosts were never marked as seen`);
}

/** Sends very large snapshots of one host, in which every container changed, and measures the blocks of the event loop. */
async function measureStalls({ plan, signal, progress }: Bench, lane: Lane): Promise<StallResult> {
  const { stallContainers: containers, stallRequests } = plan.http;
  const stallsMs: number[] = [];
  const requestMs: number[] = [];
  for (let i = 0; i <= stallRequests; i++) {
    signal.throwIfAborted();
    await lane.server.loop(1);
    const { okMs } = await lane.send({ connections: 1, traffic: changed(100), until: { perHost: 1 } });
    const { eventLoop } = await lane.server.loop();
    if (i === 0) continue;
    stallsMs.push(eventLoop.max);
    requestMs.push(okMs.max);
  }
  await lane.verify();
  progress(`http: ${containers} containers in one snapshot`);
  const [last] = await lane.finish();
  const bodyBytes = Buffer.byteLength(JSON.stringify(last!.simulated.snapshot(last!.progress)));
  return { containers, bodyBytes, stallsMs, requestMs };
}
