/**
 * Measures the load that an upgrade causes. Replaces an old version of the API with another version while a fleet
 * reports to it, and prints what the servers did before and after the upgrade (ADR 19). Needs Linux and PostgreSQL.
 * Build the API first, then run `pnpm --filter @muster/e2e upgrade-load --help`. Prints one line of JSON for each
 * period.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CADENCE_DEFAULT } from '@muster/contracts';
import { seedHosts } from '@muster/fleet';
import {
  createCommandLine,
  decimal,
  parseArguments,
  runProgram,
  wholeNumber,
  type CommandIo,
} from '@muster/fleet/command-line';
import { mainOf, newToken, startApi, startPostgresCluster, withDisposables, type Api } from '@muster/testkit';
import { createDatabase, withConnection } from '@muster/testkit/databases';
import { createHttp, type Http } from '@muster/testkit/http';
import { buildOldVersion } from '../../test/support/old-version.js';
import { startFleet } from './fleet.js';
import { createMeter } from './meter.js';

interface Options {
  from: string;
  to: string;
  hosts: number;
  containers: number;
  aged: number;
  heartbeat: number;
  snapshot: number;
  minutes: number;
}

interface Replica {
  api: Api;
  http: Http;
}

const SOCKETS = 256;
const BASELINE_MS = 60_000;
/** How long both versions run in a rolling upgrade. */
const ROLLING_MS = 60_000;
/** The length of a measured period after an upgrade, in minutes. */
const PERIOD_MINUTES = 2;
const ROLLING = 'rolling:';

const commandLine = createCommandLine(
  'upgrade-load',
  `Replaces the API while a fleet reports to it, and measures the load.

A version is a name in docs/benchmarks/baselines.json, or "current" for the built API of this checkout.`,
)
  .option('--from <version>', 'the version before each upgrade', 'v0.2.0')
  .option(
    '--to <versions>',
    `the versions after the upgrade, separated by commas; "${ROLLING}" before a version: both versions run for a minute`,
    'before-digest-salts,current',
  )
  .option('--hosts <n>', 'number of hosts', wholeNumber(1, 100_000), 5_000)
  .option('--containers <n>', 'containers per host', wholeNumber(1, 5_000), 50)
  .option('--aged <share>', 'share of hosts of which each snapshot has another status text', decimal(0, 1), 0)
  .option('--heartbeat <s>', 'MUSTER_HEARTBEAT_SECONDS', wholeNumber(1, 3_600), CADENCE_DEFAULT.heartbeatSeconds)
  .option('--snapshot <s>', 'MUSTER_SNAPSHOT_SECONDS', wholeNumber(1, 3_600), CADENCE_DEFAULT.snapshotSeconds)
  .option('--minutes <n>', 'minutes to measure after the last upgrade; 2 after the others', wholeNumber(2, 60), 2);

async function run(options: Options, { progress, write }: CommandIo): Promise<number> {
  const cadence = { heartbeatSeconds: options.heartbeat, snapshotSeconds: options.snapshot };
  const targets = options.to.split(',');
  const mains = new Map<string, string>();
  for (const name of [options.from, ...targets.map((target) => target.replace(ROLLING, ''))]) {
    mains.set(name, name === 'current' ? mainOf('api') : (await buildOldVersion(name)).mainOf('api'));
  }

  await withDisposables(async (use) => {
    const settings = { shared_buffers: '512MB' };
    const postgres = use(await startPostgresCluster({ durable: true, settings }), (each) => each.stop());
    const adminKey = newToken();
    /** The replicas to which the fleet reports. */
    let serving: Replica[] = [];
    const server = () => serving[Math.floor(Math.random() * serving.length)]!.http;

    async function start(version: string, databaseUrl: string, port = 0): Promise<Replica> {
      const env = {
        DATABASE_URL: databaseUrl,
        MUSTER_HEARTBEAT_SECONDS: String(cadence.heartbeatSeconds),
        MUSTER_SNAPSHOT_SECONDS: String(cadence.snapshotSeconds),
      };
      const api = use(await startApi({ main: mains.get(version)!, env, adminKey, port, isMeasured: true }), (each) =>
        each.stop(),
      );
      return { api, http: use(createHttp(api.url, { sockets: SOCKETS, timeoutMs: 20_000 }), (each) => each.close()) };
    }

    const filledUrl = await createDatabase(postgres.url, 'filled');
    const first = await start(options.from, filledUrl);
    serving = [first];
    const hosts = await withConnection(filledUrl, (client) => seedHosts(client, 'upgrade', options.hosts));
    const fleet = use(startFleet({ ...options, hosts, cadence, server }), (each) => each.stop());
    const apis = () => serving.map(({ api }) => api);
    const meter = use(createMeter({ fleet, server, adminKey, apis, postgresPid: await postgres.pid() }), (each) =>
      each.stop(),
    );
    progress('the hosts send their first snapshots');
    await fleet.reportAll();
    await first.api.stop();

    async function upgrade(target: string, databaseUrl: string, minutes: number): Promise<void> {
      const measure = async (period: string, action: () => Promise<unknown>) => {
        write(`${JSON.stringify({ to: target, period, ...(await meter.measure(action)) })}\n`);
        progress(`${target}: ${period}`);
      };
      const to = target.replace(ROLLING, '');
      const old = await start(options.from, databaseUrl, first.api.port);
      serving = [old];
      fleet.spread();
      await fleet.reportAll();
      await measure('before', () => sleep(BASELINE_MS));
      if (target === to) {
        await measure('no server', async () => {
          await old.api.stop();
          serving = [await start(to, databaseUrl, first.api.port)];
        });
      } else {
        serving = [old, await start(to, databaseUrl)];
        await measure('both versions', () => sleep(ROLLING_MS));
        serving.shift();
        await old.api.stop();
      }
      for (let from = 0; from < minutes; from += PERIOD_MINUTES)
        await measure(`minutes ${from} to ${from + PERIOD_MINUTES}`, () => sleep(PERIOD_MINUTES * 60_000));
      for (const { api } of serving) await api.stop();
    }

    for (const [index, target] of targets.entries()) {
      // Each upgrade begins with the same data.
      const databaseUrl = new URL(filledUrl);
      databaseUrl.pathname = `/copy${index}`;
      await withConnection(postgres.url, (client) => client.query(`CREATE DATABASE copy${index} TEMPLATE filled`));
      await upgrade(target, databaseUrl.href, index === targets.length - 1 ? options.minutes : PERIOD_MINUTES);
    }
  });
  return 0;
}

process.exitCode = await runProgram<Options>({
  name: commandLine.name(),
  isMeasurement: true,
  parse: (args) => parseArguments(commandLine, args).opts<Options>(),
  run,
  knownErrors: [],
});
