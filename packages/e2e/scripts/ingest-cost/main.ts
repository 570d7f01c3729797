/**
 * Compares the cost of snapshots in two versions of the API: CPU time of the container service and of PostgreSQL's
 * backends. The versions take turns with each snapshot, so that a disturbance of the machine affects both. Needs Linux and PostgreSQL. Build the API
 * first, then run `pnpm --filter @muster/e2e ingest-cost --help`. Prints Markdown tables.
 */
import type { Container } from '@muster/contracts';
import { createCommandLine, parseArguments, runProgram, wholeNumber, type CommandIo } from '@muster/fleet/command-line';
import { mainOf, startPostgresCluster, withDisposables } from '@muster/testkit';
import { median, pairedRatio } from '@muster/testkit/report';
import { buildOldVersion } from '../../test/support/old-version.js';
import { tableSizes } from './table-sizes.js';
import { createSide, type Cost, type Traffic } from './side.js';

interface Options {
  before: string;
  rounds: number;
  hosts: number;
  containers: number;
}

/** Rounds in which the code is compiled. They do not count. */
const WARM_UP_ROUNDS = 2;

const CASES: Readonly<Record<string, Traffic>> = {
  'first snapshot': { kind: 'first', percent: 0, perHost: 1, cached: true },
  unchanged: { kind: 'none', percent: 0, perHost: 8, cached: true },
  '10 % restarted': { kind: 'restarted', percent: 10, perHost: 4, cached: true },
  '10 % restarted, rows compared': { kind: 'restarted', percent: 10, perHost: 2, cached: false },
  '10 % aged': { kind: 'aged', percent: 10, perHost: 4, cached: true },
  '100 % restarted': { kind: 'restarted', percent: 100, perHost: 2, cached: true },
};

const commandLine = createCommandLine(
  'ingest-cost',
  `Compares the CPU time per snapshot of this checkout's built API with that of an earlier version.

A version is a name in docs/benchmarks/baselines.json.`,
)
  .option('--before <version>', 'the earlier version', 'before-container-facts')
  .option('--rounds <n>', 'number of rounds that count', wholeNumber(1, 1_000), 11)
  .option('--hosts <n>', 'number of hosts that take part in a round', wholeNumber(1, 1_000), 8)
  .option('--containers <n>', 'containers per host', wholeNumber(1, 5_000), 50);

/** Removes the facts that only agents from version 0.4 on report. */
function withoutFacts({
  exit: _,
  oomKilled: _o,
  restartCount: _r,
  imageDigest: _d,
  ...container
}: Container): Container {
  return container;
}

async function run({ before, rounds, hosts, containers }: Options, { progress, write }: CommandIo): Promise<number> {
  const oldMain = (await buildOldVersion(before)).mainOf('api');
  await withDisposables(async (use) => {
    // No checkpoint and no autovacuum runs during a turn, because it would count for one version only.
    const settings = {
      shared_buffers: '512MB',
      checkpoint_timeout: '1h',
      max_wal_size: '8GB',
      autovacuum: 'off',
      jit: 'off',
    };
    const postgres = use(await startPostgresCluster({ durable: true, settings }), (each) => each.stop());
    const common = { serverUrl: postgres.url, hosts, containers };
    const open = async (name: string, main: string, convert: (container: Container) => Container) =>
      use(await createSide({ ...common, name, main, convert }), (each) => each.close());
    const sides = [
      await open('before', oldMain, withoutFacts),
      await open('now', mainOf('api'), withoutFacts),
      await open('facts', mainOf('api'), (container) => container),
    ];

    write(
      `| snapshot of ${containers} containers | before | now / before | Node | PostgreSQL | with facts / before |\n`,
    );
    write('| --- | --- | --- | --- | --- | --- |\n');
    for (const [name, traffic] of Object.entries(CASES)) {
      for (const side of sides) await side.vacuum();
      const costs = new Map(sides.map((side) => [side, [] as Cost[]]));
      for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
        const turns = await Promise.all(
          sides.map(async (side) => ({ side, send: await side.prepare(traffic), cost: { node: 0, postgres: 0 } })),
        );
        globalThis.gc?.();
        for (let index = 0; index < traffic.perHost * hosts; index++) {
          // The order alternates, so that no version always has the first turn.
          for (const { send, cost } of index % 2 === 0 ? turns : turns.toReversed()) {
            const { node, postgres: backend } = await send(index);
            cost.node += node;
            cost.postgres += backend;
          }
        }
        if (round >= 0) for (const { side, cost } of turns) costs.get(side)!.push(cost);
      }
      const [base, now, facts] = sides.map((side) => costs.get(side)!);
      const total = ({ node, postgres }: Cost) => node + postgres;
      const ratio = (of: Cost[], part: (cost: Cost) => number) => {
        const { median: middle, min, max } = pairedRatio(of.map(part), base!.map(part))!;
        return `${middle.toFixed(3)} (${min.toFixed(2)}–${max.toFixed(2)})`;
      };
      const cells = [
        `${(median(base!.map(total)) / traffic.perHost / hosts).toFixed(2)} ms`,
        ratio(now!, total),
        ratio(now!, ({ node }) => node),
        ratio(now!, (cost) => cost.postgres),
        ratio(facts!, total),
      ];
      write(`| ${name} | ${cells.join(' | ')} |\n`);
      progress(name);
    }
    for (const side of sides) write(`\n${side.name}:\n\n${await tableSizes(side.url)}`);
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
