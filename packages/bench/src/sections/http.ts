/** HTTP level: the API as a process, against a bare Express route and a row loop, under one load generator. */
import { randomBytes } from 'node:crypto';
import { formatToken, TOKEN_RANDOM_BYTES } from '@muster/contracts';
import type { Bench } from '../bench.js';
import type { BenchDatabase } from '../cluster.js';
import type { SeededHost } from '@muster/fleet';
import { pairedRatio, type Spread } from '@muster/testkit/report';
import { startGenerator, type LoadGenerator } from '../load/client.js';
import type { Traffic } from '../load/fleet.js';
import { measureTurn, summarizeTurns, type LoadFigures, type LoadTurn, type TurnParts } from '../measure/turn.js';
import { startServer, type ServerId, type ServerProcess } from '../program.js';
import { verifyHost } from '../verify.js';
import { simulateHost } from '../workload.js';

/** What the hosts send in a case. */
export const HTTP_CASES = ['heartbeat', 'unchanged', '2 % changed', '100 % changed'] as const;
export type HttpCase = (typeof HTTP_CASES)[number];

const TRAFFIC: Readonly<Record<HttpCase, Traffic>> = {
  heartbeat: { kind: 'heartbeat' },
  unchanged: { kind: 'unchanged' },
  '2 % changed': { kind: 'changed', change: 'restarted', percent: 2 },
  '100 % changed': { kind: 'changed', change: 'restarted', percent: 100 },
};

/** A row loop rewrites whatever it is sent: it has no answer to a heartbeat, and none of its own to no change. */
const CONTENDERS: Readonly<Record<HttpCase, readonly ServerId[]>> = {
  heartbeat: ['bare', 'muster'],
  unchanged: ['bare', 'muster'],
  '2 % changed': ['bare', 'rows', 'muster'],
  '100 % changed': ['bare', 'rows', 'muster'],
};

export interface HttpCell {
  case: HttpCase;
  connections: number;
  figures: Partial<Record<ServerId, LoadFigures>>;
  /** Muster's rate over the bare route's, of paired rounds. */
  rateOverBare: Spread | null;
  /** CPU a request, server and PostgreSQL, of the row loop over Muster's, of paired rounds. */
  cpuOfRowsOverMuster: Spread | null;
}

export interface StallResult {
  containers: number;
  bodyBytes: number;
  /** The longest that the event loop stood still during each request, in ms. */
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

interface Lane {
  server: ServerProcess;
  hosts: SeededHost[];
}

/** Runs the section. @throws VerificationError, or ProgramError if a request failed. */
export async function runHttp(bench: Bench): Promise<HttpResult> {
  const { hosts, containers, connections } = bench.plan.http;
  const database = await bench.cluster.createDatabase('bench_http');
  const generator = startGenerator(bench.signal);
  const lanes: Lane[] = [];
  try {
    for (const id of ['bare', 'rows', 'muster'] as const) {
      const server = await startServer(id, serverEnv(database.url));
      const lane = { server, hosts: await database.addHosts(id, hosts) };
      lanes.push(lane);
      await generator.fleet(id, { hosts: lane.hosts, seed: bench.plan.seed, containers, mix: 'running' });
      await generator.load({ ...everyHostOnce(id), port: server.port });
    }
    await database.settle();
    const idleWalBytesPerSecond = await idleWal(bench, database);
    const cells: HttpCell[] = [];
    for (const count of connections) {
      for (const name of HTTP_CASES) {
        await database.settle();
        cells.push(await runCell(bench, database, generator, lanes, name, count, idleWalBytesPerSecond));
        bench.progress(`http: ${name}, ${count} connections`);
      }
    }
    await verifyLanes(bench, database, generator, lanes);
    const muster = lanes.find(({ server }) => server.id === 'muster')!.server;
    const stall = await measureStalls(bench, database, generator, muster);
    return { hosts, containers, idleWalBytesPerSecond, cells, stall };
  } finally {
    await Promise.all([generator.stop(), ...lanes.map(({ server }) => server.stop())]);
    await database.close();
  }
}

/** The environment of any of the servers; those beside the API read the URL alone. */
export const serverEnv = (url: string, adminKey = newAdminKey()): Record<string, string> => ({
  DATABASE_URL: url,
  PORT: '0',
  MUSTER_AGENT_REQUESTS_PER_MINUTE: '0',
  MUSTER_ADMIN_KEY: adminKey,
});

export const newAdminKey = (): string => formatToken('key', randomBytes(TOKEN_RANDOM_BYTES));

/**
 * Each host's snapshot, as it is, once: its first one, or the last again before rows are checked, for a server may have
 * been too busy for it.
 */
export const everyHostOnce = (fleet: string) => ({
  ...{ fleet, connections: 8, traffic: { kind: 'unchanged' } as const },
  extent: { perHost: 1 },
});

/** Bytes of write-ahead log a second while nobody asks for anything. */
async function idleWal({ plan, signal }: Bench, database: BenchDatabase): Promise<number> {
  const before = await database.walBytes();
  await new Promise((resolve) => setTimeout(resolve, plan.http.idleMs));
  signal.throwIfAborted();
  return (1_000 * ((await database.walBytes()) - before)) / plan.http.idleMs;
}

async function runCell(
  bench: Bench,
  database: BenchDatabase,
  generator: LoadGenerator,
  lanes: readonly Lane[],
  name: HttpCase,
  connections: number,
  idleWalBytesPerSecond: number,
): Promise<HttpCell> {
  const turns: Partial<Record<ServerId, LoadTurn[]>> = {};
  const contenders = lanes.filter(({ server }) => CONTENDERS[name].includes(server.id));
  for (let round = 0; round <= bench.plan.rounds; round++) {
    for (const { server } of contenders) {
      bench.signal.throwIfAborted();
      const parts: TurnParts = { cluster: bench.cluster, database, generator, server, idleWalBytesPerSecond };
      const extent = { durationMs: bench.plan.http.turnMs };
      const turn = await measureTurn(parts, { fleet: server.id, connections, traffic: TRAFFIC[name], extent });
      // The first round warms up: the compiler, and the first change of each page after a checkpoint.
      if (round > 0) (turns[server.id] ??= []).push(turn);
    }
  }
  const rates = (id: ServerId) => (turns[id] ?? []).map(({ perSecond }) => perSecond);
  const cpu = (id: ServerId) => (turns[id] ?? []).map(({ serverCpuUs, postgresCpuUs }) => serverCpuUs + postgresCpuUs);
  return {
    ...{ case: name, connections },
    figures: Object.fromEntries(Object.entries(turns).map(([id, taken]) => [id, summarizeTurns(taken)])),
    rateOverBare: pairedRatio(rates('muster'), rates('bare')),
    cpuOfRowsOverMuster: pairedRatio(cpu('rows'), cpu('muster')),
  };
}

/** Every row of the two that keep rows; of the bare route, that every host was seen. */
async function verifyLanes(
  { plan }: Bench,
  { pool }: BenchDatabase,
  generator: LoadGenerator,
  lanes: readonly Lane[],
): Promise<void> {
  const { seed } = plan;
  const { containers } = plan.http;
  for (const { server, hosts } of lanes) {
    await generator.load({ ...everyHostOnce(server.id), port: server.port });
    if (server.id === 'bare') {
      const ids = hosts.map(({ id }) => id);
      const { rowCount } = await pool.query('SELECT FROM hosts WHERE id = ANY ($1) AND "lastSeenAt" IS NULL', [ids]);
      if (rowCount !== 0) throw new Error(`bare: ${rowCount} hosts were never marked as seen`);
      continue;
    }
    for (const [index, progress] of (await generator.progress(server.id)).entries()) {
      const simulated = simulateHost({ seed, index, containers, mix: 'running' });
      await verifyHost(pool, server.id, hosts[index]!.id, simulated, progress);
    }
  }
}

/** Sends one host's very large snapshot, all of it changed each time, and asks how long the event loop stood still. */
async function measureStalls(
  { plan, signal, progress }: Bench,
  database: BenchDatabase,
  generator: LoadGenerator,
  server: ServerProcess,
): Promise<StallResult> {
  const containers = plan.http.stallContainers;
  const shape = { seed: plan.seed, containers, mix: 'running' as const };
  const hosts = await database.addHosts('stall', 1);
  await generator.fleet('stall', { hosts, ...shape });
  await generator.load({ ...everyHostOnce('stall'), port: server.port });
  const stallsMs: number[] = [];
  const requestMs: number[] = [];
  for (let i = 0; i <= plan.http.stallRequests; i++) {
    signal.throwIfAborted();
    await server.read(1);
    const traffic: Traffic = { kind: 'changed', change: 'restarted', percent: 100 };
    const load = { fleet: 'stall', port: server.port, connections: 1, traffic, extent: { perHost: 1 } };
    const { latencyMs } = await generator.load(load);
    const { eventLoop } = await server.read();
    if (i === 0) continue;
    stallsMs.push(eventLoop.max);
    requestMs.push(latencyMs.max);
  }
  const simulated = simulateHost({ ...shape, index: 0 });
  const [last] = await generator.progress('stall');
  await verifyHost(database.pool, 'muster', hosts[0]!.id, simulated, last!);
  progress(`http: ${containers} containers in one snapshot`);
  const bodyBytes = Buffer.byteLength(JSON.stringify(simulated.snapshot(last!)));
  return { containers, bodyBytes, stallsMs, requestMs };
}
