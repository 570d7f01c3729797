import { homedir } from 'node:os';
import { z } from 'zod';

/**
 * All variables that the program reads. Any text is valid here, because each command checks the values that it uses.
 */
const EnvVariables = z.object({
  MUSTER_URL: z.string().optional(),
  MUSTER_KEY: z.string().optional(),
  DATABASE_URL: z.string().optional(),
  DATABASE_URL_FILE: z.string().optional(),
  MUSTER_DATA_DIR: z.string().default('.muster/data'),
  XDG_CONFIG_HOME: z.string().optional(),
  HOME: z.string().default(homedir),
  NO_COLOR: z.string().optional(),
  TERM: z.string().optional(),
});

/** Parses the environment. An empty variable counts as unset. */
export const parseEnv = (source: Readonly<Record<string, string | undefined>>): z.output<typeof EnvVariables> =>
  EnvVariables.parse(Object.fromEntries(Object.entries(source).filter(([, value]) => value !== '')));
