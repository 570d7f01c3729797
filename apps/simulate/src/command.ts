import {
  ENROLLMENT_TOKEN_USES_MAX as HOSTS_MAX,
  SNAPSHOT_CONTAINERS_MAX as CONTAINERS_MAX,
  tokenKind,
} from '@muster/contracts';
import {
  decimal,
  duration,
  switchOption,
  UsageError,
  valueOption,
  wholeNumber,
  type CommandSpec,
  type ValueParser,
} from '@muster/fleet/command-line';
import { ApiError, simulate, summaryText, type SimulateOptions } from '@muster/fleet/simulation';

type Values = Omit<SimulateOptions, 'rampMs' | 'durationMs'> & { ramp: number; duration: number };

const apiUrl: ValueParser<string> = (text, flag) => {
  if (text !== '' && !(URL.canParse(text) && /^https?:$/.test(new URL(text).protocol))) {
    throw new UsageError(`${flag} must be an http or https URL`);
  }
  return text.replace(/\/+$/, '');
};

const apiKey: ValueParser<string> = (text, flag) => {
  // The message does not contain the value, because it is a secret.
  if (text !== '' && tokenKind(text) !== 'key')
    throw new UsageError(`${flag} must be a well-formed muster_key_… token`);
  return text;
};

/** The simulator's command line. */
export const simulateCommand: CommandSpec<Values, SimulateOptions> = {
  name: 'muster-simulate',
  description: `Simulates a fleet of hosts that enroll and use the complete agent protocol. \
At the end, compares the API's state with the expected state, container by container.

A time is, for example, 500ms, 60s, 5m or 2h. Ctrl-C ends the run early, and still compares. \
A second Ctrl-C ends it immediately, and leaves the hosts.

Exit code: 0 if everything agrees, 1 after a difference or a 5xx response, 2 for an invalid option.`,
  options: [
    valueOption('--url <url>', 'URL of the API', apiUrl).env('MUSTER_URL'),
    valueOption('--key <key>', "an admin's muster_key_…; other users cannot see the variable", apiKey).env(
      'MUSTER_KEY',
    ),
    valueOption('--hosts <n>', `hosts, 1 to ${HOSTS_MAX}`, wholeNumber(1, HOSTS_MAX), '100'),
    valueOption('--containers <n>', `of each host, 0 to ${CONTAINERS_MAX}`, wholeNumber(0, CONTAINERS_MAX), '20'),
    valueOption('--churn <share>', 'containers that change in each snapshot interval, 0 to 1', decimal(0, 1), '0.02'),
    valueOption('--seed <n>', 'equal seeds give equal hosts', wholeNumber(0, 4_294_967_295), '1'),
    valueOption('--ramp <time>', 'time between the first start and the last', duration(0), '10s'),
    valueOption('--duration <time>', 'time that the fleet runs, including the ramp', duration(1), '1m'),
    valueOption('--faults <factor>', 'frequency of faults: 0 never, 1 sometimes, 20 constantly', decimal(0, 100), '1'),
    valueOption('--sockets <n>', 'connections that the fleet shares, 1 to 1024', wholeNumber(1, 1_024), '128'),
    switchOption('--allow-5xx', '5xx responses are counted, but do not fail the run'),
    switchOption('--keep', 'leave the hosts in Muster'),
    switchOption('--json', 'print the summary as JSON to standard output, and everything else to standard error'),
  ],
  toOptions({ ramp: rampMs, duration: durationMs, ...values }) {
    if (!values.url) throw new UsageError('--url is missing (or MUSTER_URL)');
    if (!values.key) throw new UsageError('--key is missing (or MUSTER_KEY)');
    if (durationMs < rampMs) throw new UsageError('--duration must be at least as long as --ramp, which it includes');
    return { ...values, rampMs, durationMs };
  },
  async run(options, io) {
    const summary = await simulate(options, io);
    if (options.json) process.stderr.write(summaryText(summary));
    io.write(options.json ? `${JSON.stringify(summary, null, 2)}\n` : summaryText(summary));
    return summary.passed ? 0 : 1;
  },
  knownErrors: [ApiError],
  secondSignalCode: 1,
};
