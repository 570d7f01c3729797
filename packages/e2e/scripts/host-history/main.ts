/**
 * Compares the history of hosts with an independent model. The history covers three incidents: half of a fleet cannot
 * reach Muster for some minutes, Muster is down for ten minutes, and one host is renamed and upgraded. Needs Linux and
 * PostgreSQL. Build the API first, then run `pnpm --filter @muster/e2e host-history --help`.
 */
import {
  createCommandLine,
  duration,
  Option,
  parseArguments,
  runProgram,
  wholeNumber,
  type CommandIo,
} from '@muster/fleet/command-line';
import { PostgresMissingError } from '@muster/testkit/databases';
import { textTable } from '@muster/testkit/report';
import { runStory, type HostResult, type StoryOptions } from './story.js';

const DIFFERENCES_SHOWN = 20;

const commandLine = createCommandLine(
  'host-history',
  `Runs a fleet of simulated hosts against the built API on a new PostgreSQL server. Compares the events and the \
availability of each host with a model that knows only the hosts' calls and when Muster was down.

Exit code: 0 if each history equals the model, 1 if one differs, 2 for an invalid option.`,
)
  .option('--hosts <n>', 'number of hosts', wholeNumber(8, 10_000), 500)
  .addOption(time('--partition <time>', 'how long half of the hosts cannot reach Muster', '7m'))
  .addOption(time('--away <time>', 'how long Muster is away', '10m'))
  .addOption(time('--pause <time>', 'time for the hosts to report and to reconnect after each part', '90s'))
  .option('--heartbeat <s>', 'MUSTER_HEARTBEAT_SECONDS', wholeNumber(1, 60), 10);

function time(flags: string, description: string, text: string): Option {
  return new Option(flags, description).argParser(duration(1_000)).default(duration(1_000)(text), text);
}

/** Returns a table with a row for each group of hosts, and the first differences. */
function render(results: readonly HostResult[]): string {
  const rows = [...new Set(results.map(({ group }) => group))].map((group) => {
    const hosts = results.filter((host) => host.group === group);
    const kinds = Object.entries(hosts[0]!.counts).map(([kind, count]) => `${count} ${kind}`);
    const longest = (of: (host: HostResult) => number) => Math.max(...hosts.map(of)).toFixed(1);
    const availability = (['online', 'stale', 'offline'] as const).map(
      (state) => `${longest(({ predicted }) => predicted[state])} / ${longest(({ found }) => found[state])}`,
    );
    const deviation = longest(({ deviationMs }) => deviationMs / 1_000);
    const differing = hosts.filter(({ differences }) => differences.length > 0).length;
    return [group, String(hosts.length), kinds.join(', '), deviation, ...availability, String(differing)];
  });
  const columns = ['hosts', 'number', 'events of each', 'deviation s', 'online s', 'stale s', 'offline s', 'differ'];
  const differences = results.flatMap(({ name, differences }) => differences.map((each) => `  ${name}: ${each}`));
  const events = results.reduce((sum, { counts }) => sum + Object.values(counts).reduce((a, b) => a + b, 0), 0);
  return [
    textTable({ columns, rows }),
    '',
    'Seconds are the maximum of a group: predicted / found.',
    `compared ${results.length} hosts and ${events} events: ${differences.length} differences`,
    ...differences.slice(0, DIFFERENCES_SHOWN),
    ...(differences.length > DIFFERENCES_SHOWN ? ['  …'] : []),
    differences.length === 0 ? 'Passed.' : 'FAILED.',
    '',
  ].join('\n');
}

async function run(options: StoryOptions, io: CommandIo): Promise<number> {
  const results = await runStory(options, io.progress);
  io.write(render(results));
  return results.some(({ differences }) => differences.length > 0) ? 1 : 0;
}

process.exitCode = await runProgram<StoryOptions>({
  name: commandLine.name(),
  isMeasurement: true,
  parse: (args) => parseArguments(commandLine, args).opts<StoryOptions>(),
  run,
  knownErrors: [PostgresMissingError],
});
