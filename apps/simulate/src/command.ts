import {
  ENROLLMENT_TOKEN_USES_MAX as HOSTS_MAX,
  SNAPSHOT_CONTAINERS_MAX as CONTAINERS_MAX,
  tokenKind,
} from '@muster/contracts';
import { createCommandLine, decimal, duration, Option, parseArguments, wholeNumber } from '@muster/fleet/command-line';
import type { Command, CommandIo } from '@muster/fleet/command-line';
import { ApiError, simulate, summaryText, type SimulateOptions } from '@muster/fleet/simulation';

type Values = Omit<SimulateOptions, 'url' | 'key' | 'rampMs' | 'durationMs'> & {
  url?: string;
  key?: string;
  ramp: number;
  duration: number;
};

const ramp = new Option('--ramp <time>', 'time in which the hosts start, one after another').default(10_000, '10s');
const time = new Option('--duration <time>', 'duration of the run, including the ramp').default(60_000, '1m');

export const commandLine: Command = createCommandLine(
  'muster-simulate',
  `Simulates a fleet of hosts that enroll and use the complete agent protocol. \
At the end, compares the API's state with the expected state, container by container.

Times are written as 500ms, 60s, 5m or 2h. Ctrl-C ends the run early, but the states are still compared. \
A second Ctrl-C exits immediately and leaves the hosts in Muster.

Exit code: 0 if the states are equal, 1 if they differ or a response was 5xx, 2 for an invalid option.`,
)
  .addOption(new Option('--url <url>', 'URL of the API').env('MUSTER_URL'))
  .addOption(new Option('--key <key>', 'API key of an admin; the variable hides it from other users').env('MUSTER_KEY'))
  .option('--hosts <n>', `number of hosts, 1 to ${HOSTS_MAX}`, wholeNumber(1, HOSTS_MAX), 100)
  .option('--containers <n>', `containers per host, 0 to ${CONTAINERS_MAX}`, wholeNumber(0, CONTAINERS_MAX), 20)
  .option('--churn <share>', 'share of containers that change in each snapshot interval, 0 to 1', decimal(0, 1), 0.02)
  .option('--seed <n>', 'seed of the random generator: equal seeds give equal hosts', wholeNumber(0, 4_294_967_295), 1)
  .addOption(ramp.argParser(duration(0)))
  .addOption(time.argParser(duration(1)))
  .option('--faults <factor>', 'frequency of faults: 0 never, 1 sometimes, 20 constantly', decimal(0, 100), 1)
  .option('--sockets <n>', 'number of connections that the hosts share, 1 to 1024', wholeNumber(1, 1_024), 128)
  .option('--allow-5xx', 'count 5xx responses, but do not fail the run because of them', false)
  .option('--keep', 'do not delete the hosts at the end', false)
  .option('--json', 'print the summary as JSON to standard output, and everything else to standard error', false);

/** The simulator as a program that `runProgram` can run. */
export const simulator = {
  name: commandLine.name(),
  parse(args: readonly string[]): SimulateOptions {
    const { ramp: rampMs, duration: durationMs, key, ...values } = parseArguments(commandLine, args).opts<Values>();
    const url = values.url?.replace(/\/+$/, '');
    if (!url) commandLine.error('set --url or MUSTER_URL');
    if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '')) {
      commandLine.error('--url must be an http or https URL');
    }
    if (!key) commandLine.error('set --key or MUSTER_KEY');
    // Commander does not check the key, because its message for an invalid value would contain the key.
    if (tokenKind(key) !== 'key') commandLine.error('--key must be an API key, muster_key_…');
    if (durationMs < rampMs) commandLine.error('--duration includes --ramp, so it cannot be shorter');
    return { ...values, url, key, rampMs, durationMs };
  },
  async run(options: SimulateOptions, io: CommandIo): Promise<number> {
    const summary = await simulate(options, io);
    if (options.json) process.stderr.write(summaryText(summary));
    io.write(options.json ? `${JSON.stringify(summary, null, 2)}\n` : summaryText(summary));
    return summary.passed ? 0 : 1;
  },
  knownErrors: [ApiError],
};
