import { readSecretFiles } from '@muster/contracts';
import * as fs from 'node:fs';
import { homedir } from 'node:os';
import { z } from 'zod';
import { CommandError, ExitCodes } from './exit.js';

/**
 * All variables that the program reads, except for secrets. Any text is valid here, because each command checks the
 * values that it uses.
 */
const EnvVariables = z.object({
  MUSTER_URL: z.string().optional(),
  MUSTER_DATA_DIR: z.string().default('.muster/data'),
  XDG_CONFIG_HOME: z.string().optional(),
  HOME: z.string().default(homedir),
  NO_COLOR: z.string().optional(),
  TERM: z.string().optional(),
});

/** Parses the environment. An empty variable counts as unset. */
export const parseEnv = (source: Readonly<Record<string, string | undefined>>): z.output<typeof EnvVariables> =>
  EnvVariables.parse(Object.fromEntries(Object.entries(source).filter(([, value]) => value !== '')));

/**
 * Returns the secret NAME, or the content of the file whose path is in NAME_FILE; undefined if both variables are
 * unset.
 * @throws CommandError if both variables are set, or if the file cannot be read.
 */
export function readSecret(
  source: Readonly<Record<string, string | undefined>>,
  name: 'MUSTER_KEY' | 'DATABASE_URL',
): string | undefined {
  const { values, problems } = readSecretFiles(source, [name], fs);
  if (problems.length > 0) throw new CommandError(problems.join('\n'), ExitCodes.usage);
  return values[name];
}
