/**
 * Measures the reads that list, group and count hosts. SQL creates the fleet and its history of host events. Needs
 * Linux and PostgreSQL. Build the API first, then run `pnpm --filter @muster/e2e host-reads --help`. Prints a Markdown
 * table.
 */
import { Paths } from '@muster/contracts';
import { createLatencies, latencyOf, recordLatency } from '@muster/fleet';
import { createCommandLine, parseArguments, runProgram, wholeNumber, type CommandIo } from '@muster/fleet/command-line';
import { startApi, startPostgresCluster, withDisposables, type Api } from '@muster/testkit';
import { createDatabase, withConnection } from '@muster/testkit/databases';
import { createHttp } from '@muster/testkit/http';
import { familyCpuMs } from '@muster/testkit/proc';
import { seedHostHistory } from '../test/support/seed-host-history.js';

interface Options {
  hosts: number;
  events: number;
  requests: number;
}

const commandLine = createCommandLine('host-reads', 'Measures the reads of hosts, one request at a time.')
  .option('--hosts <n>', 'number of hosts', wholeNumber(1, 100_000), 10_000)
  .option('--events <n>', 'number of events per host within 30 days', wholeNumber(4, 1_000), 50)
  .option('--requests <n>', 'requests per read; one more, the first, does not count', wholeNumber(1, 1_000), 30);

const PROD = 'hostLabel=env%3Dprod';

/** The query strings of each read, by path. */
const READS: Readonly<Record<string, readonly string[]>> = {
  [Paths.hosts]: [
    '',
    PROD,
    'hostLabel=rack%3Drack-7',
    'hostLabel=env%3Dprod&hostLabel=site%3Dsite-3',
    'hostLabel=env%3Dnone',
    'sort=severity',
    'sort=-lastSeenAt',
    'sort=agentVersion',
    `sort=severity&count=true&${PROD}`,
    'limit=200',
  ],
  [Paths.hostFacets]: ['', PROD],
  [Paths.hostGroups]: ['by=env', 'by=rack', `by=site&${PROD}`],
  [Paths.summary]: ['', PROD, 'hostLabel=rack%3Drack-7'],
  [Paths.serviceDiscoveryHosts]: ['', PROD, 'hostLabel=rack%3Drack-7'],
  [Paths.metrics]: [''],
  [Paths.availability]: [
    'window=24h&limit=10',
    'window=7d&limit=10',
    'window=30d&limit=10',
    `window=30d&limit=10&${PROD}`,
    'window=30d&limit=10&hostLabel=rack%3Drack-7',
    'window=30d&sort=name',
  ],
  [Paths.availabilityGroups]: ['window=24h&by=env', 'window=7d&by=env', 'window=30d&by=env'],
};

async function run({ hosts, events, requests }: Options, { progress, write }: CommandIo): Promise<number> {
  await withDisposables(async (use) => {
    const settings = { shared_buffers: '512MB', jit: 'off' };
    const postgres = use(await startPostgresCluster({ settings }), (each) => each.stop());
    const url = await createDatabase(postgres.url, 'host_reads');
    const env = { DATABASE_URL: url, MUSTER_METRICS_HOST_LABELS: 'env,site' };
    const start = async () => use(await startApi({ env }), (each) => each.stop());
    const first: Api = await start();
    await first.stop();
    await withConnection(url, (client) => seedHostHistory(client, hosts, events));
    progress(`${hosts} hosts and ${hosts * events} host events in the database`);
    const api = await start();
    const http = use(createHttp(api.url, { sockets: 1, timeoutMs: 60_000 }), (each) => each.close());
    const postgresPid = await postgres.pid();
    const cpuMs = () => [familyCpuMs(api.program.pid), familyCpuMs(postgresPid)] as const;
    write('| read | p50 | p95 | CPU of the API | CPU of PostgreSQL | kB |\n| --- | --- | --- | --- | --- | --- |\n');
    for (const [path, queries] of Object.entries(READS)) {
      for (const query of queries) {
        const target = query === '' ? path : `${path}?${query}`;
        const read = async () => {
          const reply = await http.send({ path: target, token: api.adminKey });
          if (reply.status !== 200) throw new Error(`${target}: ${reply.status} ${reply.text.slice(0, 500)}`);
          return reply;
        };
        const { text } = await read();
        const latencies = createLatencies();
        const before = cpuMs();
        for (let count = 0; count < requests; count += 1) recordLatency(latencies, (await read()).ms);
        const after = cpuMs();
        const [apiMs, postgresMs] = before.map((ms, index) => ((after[index]! - ms) / requests).toFixed(1));
        const { p50, p95 } = latencyOf(latencies);
        const kilobytes = Math.ceil(Buffer.byteLength(text) / 1_000);
        const name = decodeURIComponent(target);
        write(`| \`${name}\` | ${p50.toFixed(0)} | ${p95.toFixed(0)} | ${apiMs} | ${postgresMs} | ${kilobytes} |\n`);
      }
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
