/**
 * Compares the cost of snapshots and heartbeats in two versions of the API, that is, the CPU time of Node.js and of
 * PostgreSQL's backends. Each version runs in its own process. All hosts send one report to one version, and then to the
 * other, so that a disturbance of the machine affects both. Needs Linux and PostgreSQL. Build the API first, then run
 * `pnpm --filter @muster/e2e ingest-cost --help`. Prints Markdown tables.
 */
import type { Container } from '@muster/contracts';
import { createCommandLine, parseArguments, runProgram, wholeNumber, type CommandIo } from '@muster/fleet/command-line';
import { mainOf, startPostgresCluster, withDisposables } from '@muster/testkit';
import { median, pairedRatio } from '@muster/testkit/report';
import { buildOldVersion } from '../../test/support/old-version.js';
import { diskUse } from './disk-use.js';
import { createSide, type Cost, type Side, type Traffic } from './side.js';

interface Options {
  before: string;
  now?: string;
  http: boolean;
  rounds: number;
  hosts: number;
  containers: number;
}

/** The first rounds do not count, because V8 compiles the code in these rounds. */
const WARM_UP_ROUNDS = 3;

/**
 * The API accepts at most 600 requests per minute of one host, so many hosts send few reports each. In the case
 * `100 % restarted`, new hosts restart their containers so rarely that every exit is recorded. After that, the
 * containers have restarted more than 20 times within an hour, so their exits are counted (ADR 24).
 */
const CASES: Readonly<Record<string, Traffic>> = {
  unchanged: { kind: 'none', percent: 0, perHost: 4, cached: true },
  heartbeat: { kind: 'heartbeat', percent: 0, perHost: 4, cached: true },
  'heartbeat, 8 at once': { kind: 'heartbeat', percent: 0, perHost: 6, cached: true, atOnce: 8 },
  '10 % restarted': { kind: 'restarted', percent: 10, perHost: 2, cached: true },
  '10 % restarted, rows compared': { kind: 'restarted', percent: 10, perHost: 1, cached: false },
  '100 % restarted': { kind: 'restarted', percent: 100, perHost: 1, cached: true, onNewHosts: true },
  '100 % restarted, exits counted': { kind: 'restarted', percent: 100, perHost: 1, cached: true },
  'first snapshot': { kind: 'first', percent: 0, perHost: 1, cached: true },
};

/** The last version whose agents did not report exits, restarts and digests of images. */
const WITHOUT_FACTS = 'before-container-facts';

const commandLine = createCommandLine(
  'ingest-cost',
  `Compares the CPU time per snapshot and heartbeat of this checkout's built API with that of an earlier version.

A version is a name in docs/benchmarks/baselines.json or a commit. The same version on both sides shows the error of the
measurement.`,
)
  .option('--before <version>', 'the earlier version', WITHOUT_FACTS)
  .option('--now <version>', 'the later version; default: the built API of this checkout')
  .option('--http', 'measures the whole server, whereas the default is to call its services', false)
  .option('--rounds <n>', 'number of rounds that count', wholeNumber(1, 1_000), 15)
  .option('--hosts <n>', 'number of hosts that take part in a round', wholeNumber(1, 1_000), 32)
  .option('--containers <n>', 'containers per host', wholeNumber(1, 5_000), 50);

/** Removes the facts that only agents of version 0.4 and later report. */
function withoutFacts({
  exit: _,
  oomKilled: _o,
  restartCount: _r,
  imageDigest: _d,
  ...container
}: Container): Container {
  return container;
}

/** Returns the costs of each side in each round. */
async function compareSides(sides: readonly Side[], traffic: Traffic, rounds: number): Promise<Cost[][]> {
  const costs: Cost[][] = sides.map(() => []);
  const places = [...sides.keys()];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const senders = await Promise.all(sides.map((side) => side.prepare(traffic)));
    const sums = sides.map((): Cost => ({ node: 0, postgres: 0 }));
    for (let turn = 0; turn < traffic.perHost; turn++) {
      for (const place of places) {
        const { node, postgres } = await senders[place]!();
        sums[place]!.node += node;
        sums[place]!.postgres += postgres;
      }
      // The order alternates, so that no version always has the first turn.
      places.reverse();
    }
    if (round >= 0) costs.forEach((own, place) => own.push(sums[place]!));
  }
  return costs;
}

async function run(
  { before: version, now, http: isHttp, rounds, hosts, containers }: Options,
  { progress, write }: CommandIo,
): Promise<number> {
  const oldMain = (await buildOldVersion(version)).mainOf('api');
  const newMain = now === undefined ? mainOf('api') : (await buildOldVersion(now)).mainOf('api');
  await withDisposables(async (use) => {
    // No checkpoint and no autovacuum may run during a turn, because its cost would count for only one version.
    const settings = {
      shared_buffers: '512MB',
      checkpoint_timeout: '1h',
      max_wal_size: '8GB',
      autovacuum: 'off',
      jit: 'off',
    };
    const postgres = use(await startPostgresCluster({ durable: true, settings }), (each) => each.stop());
    const common = { serverUrl: postgres.url, isHttp, hosts, containers };
    const open = async (name: string, main: string, convert: (container: Container) => Container) =>
      use(await createSide({ ...common, name, main, convert }), (each) => each.close());
    const keep = (container: Container) => container;
    const comparesFacts = version === WITHOUT_FACTS;
    const convert = comparesFacts ? withoutFacts : keep;
    const sides = [await open('before', oldMain, convert), await open('now', newMain, convert)];
    if (comparesFacts) sides.push(await open('facts', newMain, keep));
    const columns = ['now / before', 'with facts / before'].slice(0, sides.length - 1);
    const titles = columns.flatMap((column) => [column, 'Node', 'PostgreSQL']).join(' | ');
    write(`| snapshot of ${containers} containers, or heartbeat | before | ${titles} |\n`);
    write(`| --- | ---${' | ---'.repeat(3 * columns.length)} |\n`);
    for (const [name, traffic] of Object.entries(CASES)) {
      // A server always caches snapshots.
      if (isHttp && !traffic.cached) continue;
      for (const side of sides) {
        if (traffic.onNewHosts) await side.replaceHosts();
        await side.vacuum();
      }
      const [before, ...others] = await compareSides(sides, traffic, rounds);
      const total = ({ node, postgres }: Cost) => node + postgres;
      const cells = [`${(median(before!.map(total)) / traffic.perHost / hosts).toFixed(3)} ms`];
      for (const after of others) {
        for (const part of [total, ({ node }: Cost) => node, (cost: Cost) => cost.postgres]) {
          const { median: middle, min, max } = pairedRatio(after.map(part), before!.map(part))!;
          cells.push(`${middle.toFixed(3)} (${min.toFixed(2)}–${max.toFixed(2)})`);
        }
      }
      write(`| ${name} | ${cells.join(' | ')} |\n`);
      progress(name);
    }
    const [before, after] = await Promise.all([sides[0]!, sides.at(-1)!].map(({ url }) => diskUse(url)));
    write('\n| table, index or column | bytes per row before | now |\n| --- | --- | --- |\n');
    for (const [name, bytes] of after!) {
      const old = before!.get(name) ?? 0;
      if (Math.abs(bytes - old) >= 0.5) write(`| ${name} | ${old.toFixed(0)} | ${bytes.toFixed(0)} |\n`);
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
