import { valueOption, wholeNumber, type CommandSpec } from '@muster/fleet/command-line';
import { ProgramError } from '@muster/testkit';
import { DemoError, runDemo } from './demo.js';

/** Four hours, so that a demo that someone forgot does not run forever. */
const SECONDS_DEFAULT = 4 * 3_600;
const SECONDS_MAX = 7 * 86_400;

/** The demo's command line, which is parsed to the duration of the demo in milliseconds. */
export const demoCommand: CommandSpec<{ for: number }, { durationMs: number }> = {
  name: 'muster-demo',
  description: `Muster's demo: the API on a temporary database, and agents that report this machine's engine, if one
answers, and several replayed ones whose containers start, stop, crash and get replaced.

Nothing is left behind: the database, the agents and their state are removed at the end.`,
  options: [
    valueOption('--for <seconds>', 'end automatically after this time', wholeNumber(1, SECONDS_MAX)).default(
      SECONDS_DEFAULT,
      `${SECONDS_DEFAULT}, four hours`,
    ),
  ],
  toOptions: (values) => ({ durationMs: values.for * 1_000 }),
  async run({ durationMs }, { write, signal }) {
    await runDemo({ durationMs, write }, signal);
    return 0;
  },
  knownErrors: [DemoError, ProgramError],
  secondSignalCode: 1,
};
