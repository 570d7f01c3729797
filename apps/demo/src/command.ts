import { createCommandLine, Option, parseArguments, wholeNumber, type CommandIo } from '@muster/fleet/command-line';
import { ProgramError } from '@muster/testkit';
import { DemoError, runDemo } from './demo.js';

/** By default, the demo ends after four hours, in case someone forgets to stop it. */
const SECONDS_DEFAULT = 4 * 3_600;
/** The maximum duration: a week. */
const SECONDS_MAX = 7 * 86_400;

const duration = new Option('--for <seconds>', 'stop automatically after this time');

export const commandLine = createCommandLine(
  'muster-demo',
  `Muster's demo: the API on a temporary database, and an agent for this machine's engine, if it has
one, and agents for several replayed engines whose containers start, stop, crash and are replaced.

The database, the agents and their state are removed at the end.`,
).addOption(duration.argParser(wholeNumber(1, SECONDS_MAX)).default(SECONDS_DEFAULT, `${SECONDS_DEFAULT}, four hours`));

/** The demo as a program that `runProgram` can run. */
export const demo = {
  name: commandLine.name(),
  parse: (args: readonly string[]) => parseArguments(commandLine, args).opts<{ for: number }>(),
  async run(options: { for: number }, io: CommandIo): Promise<number> {
    await runDemo(options.for * 1_000, io);
    return 0;
  },
  knownErrors: [DemoError, ProgramError],
};
