import { fileURLToPath } from 'node:url';
import {
  seedHosts,
  simulateHost,
  startLoad,
  type FleetLoad,
  type HostShape,
  type LoadGenerator,
  type SeededHost,
} from '@muster/fleet';
import { mainOf, ProgramError, startApi, withDisposables, type Api, type Use } from '@muster/testkit';
import type { Bench } from './plan.js';
import type { BenchDatabase } from './cluster.js';
import { verifyHost, type HostState } from './verify.js';

/** The servers that can be measured: Muster, and the routes of servers/express.ts. */
export type ServerId = 'muster' | 'bare' | 'rows';

/** Starts a server with production settings and no rate limits. @throws ProgramError if it does not become ready. */
export const startServer = (id: ServerId, env: Readonly<Record<string, string>>, adminKey?: string): Promise<Api> =>
  startApi({
    main: id === 'muster' ? mainOf('api') : fileURLToPath(new URL('servers/express.js', import.meta.url)),
    env: { BENCH_ROUTE: id, LOG_LEVEL: 'info', MUSTER_AGENT_REQUESTS_PER_MINUTE: '0', ...env },
    isMeasured: true,
    detached: true,
    ...(adminKey === undefined ? {} : { adminKey }),
  });

/** The parameters of a load, except its fleet and its server. These two are added when the load is sent. */
type ServerLoad = Omit<FleetLoad, 'fleet' | 'port'>;

/** Sends the current snapshot of each host once. */
export const EVERY_HOST_ONCE: ServerLoad = { connections: 8, traffic: { kind: 'unchanged' }, until: { perHost: 1 } };

interface FleetOptions extends Omit<HostShape, 'index'> {
  /** Fleets that share a generator or a database need different names. */
  name: string;
  port: number;
  hosts: readonly SeededHost[];
}

/** Creates a fleet that reports to one server, and has each of its hosts send its first snapshot. */
export async function startFleet(generator: LoadGenerator, options: FleetOptions) {
  const { name, port, hosts, ...shape } = options;
  await generator.call('create', { name, content: 'workload', hosts, ...shape });
  /**
   * Sends a load. Throws if a request failed, because failed requests can be faster than correct ones and would distort
   * the figures.
   * @throws ProgramError if a response was neither correct nor a 503.
   */
  const send = async (load: ServerLoad) => {
    const result = await generator.call('drive', { ...load, fleet: name, port });
    const { sent, wrong, firstWrong } = result;
    if (wrong === 0) return result;
    throw new ProgramError(`${name}: ${wrong} of ${sent} requests (${load.traffic.kind}) failed: ${firstWrong}`);
  };
  return {
    hosts,
    /** The result of the first snapshots. */
    first: await send(EVERY_HOST_ONCE),
    send,
    /**
     * Sends every host's snapshot again, because the server may have refused the previous one. Returns the hosts with
     * the containers that the server must have after this call.
     */
    async finish() {
      await send(EVERY_HOST_ONCE);
      const progress = await generator.call('progress', name);
      return hosts.map(({ id }, index): HostState => {
        return { id, simulated: simulateHost({ ...shape, index }), progress: progress[index]! };
      });
    },
  };
}

interface MeasuredFleetOptions extends Omit<FleetOptions, 'port' | 'hosts' | 'seed'> {
  database: BenchDatabase;
  hosts: number;
  /** The server to start (default: muster), or the running server of another fleet. */
  server?: ServerId | Api;
}

/** A fleet, its server, and its database. */
export type MeasuredFleet = Awaited<ReturnType<typeof startMeasuredFleet>>;

/** Calls `run` with a function that starts fleets and their servers. Afterwards, stops the servers. */
export const withMeasuredFleets = <T>(
  bench: Bench,
  run: (start: (options: MeasuredFleetOptions) => Promise<MeasuredFleet>, use: Use) => Promise<T>,
): Promise<T> =>
  withDisposables((use) => {
    const generator = use(startLoad(), (each) => each.stop());
    return run((options) => startMeasuredFleet(bench, generator, use, options), use);
  });

async function startMeasuredFleet(
  { cluster, plan }: Bench,
  generator: LoadGenerator,
  use: Use,
  { database, hosts: count, server: serverOption = 'muster', ...options }: MeasuredFleetOptions,
) {
  const hosts = await seedHosts(database.pool, options.name, count);
  const server =
    typeof serverOption === 'string'
      ? use(await startServer(serverOption, { DATABASE_URL: database.url }), (each) => each.stop())
      : serverOption;
  const fleet = await startFleet(generator, { ...options, port: server.port, hosts, seed: plan.seed });
  return {
    ...fleet,
    server,
    database,
    /** Sends a load, and measures the server and the database. */
    async measure(load: ServerLoad, idleWalBytesPerSecond = 0) {
      const walBefore = await database.walBytes();
      const before = await server.call('loop');
      const postgresBefore = cluster.cpuMs();
      const { ok, refused, ms, okMs } = await fleet.send(load);
      const postgresMs = cluster.cpuMs() - postgresBefore;
      const after = await server.call('loop');
      const walBytes = (await database.walBytes()) - walBefore - (idleWalBytesPerSecond * ms) / 1_000;
      return {
        requests: ok,
        /** The number of other requests, which the server refused with 503 because it was busy. */
        unavailable: refused,
        perSecond: (1_000 * ok) / ms,
        latencyMs: okMs,
        /** CPU microseconds of the server's process per request. */
        serverCpuUs: (1_000 * (after.cpuMs - before.cpuMs)) / ok,
        /** CPU microseconds of PostgreSQL's processes per request. */
        postgresCpuUs: (1_000 * postgresMs) / ok,
        /** Bytes of write-ahead log per request. */
        walBytes: Math.max(0, walBytes) / ok,
        eventLoopMs: after.eventLoop,
        rssBytes: after.rssBytes,
      };
    },
    /**
     * Compares the rows of the first `max` hosts with the snapshots that these hosts sent.
     * @throws VerificationError
     */
    async verify(max = count) {
      for (const host of (await fleet.finish()).slice(0, max)) await verifyHost(database.pool, options.name, host);
    },
  };
}
