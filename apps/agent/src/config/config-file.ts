import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv as parseLines } from 'node:util';
import { ExitCodes, StopError } from '../exit.js';
import { SETTINGS } from './settings.js';

/** A configuration file that was read. `path` is null where there is none. */
export interface ConfigFile {
  path: string | null;
  values: Readonly<Record<string, string | undefined>>;
}

/** Where the file is looked for when nobody names one. */
export const defaultConfigPath = (
  environment: Readonly<Record<string, string | undefined>>,
  machine: { isRoot: boolean; home: string },
): string =>
  machine.isRoot
    ? '/etc/muster-agent/config'
    : join(environment['XDG_CONFIG_HOME'] || join(machine.home, '.config'), 'muster-agent', 'config');

/**
 * Reads lines of `VARIABLE=value`, the same names as in the environment. The file at `named` must be there, that at
 * `fallback` may be missing. Throws `StopError` for one that cannot be read or that sets what there is not: a typing
 * mistake must not look like a default.
 */
export async function readConfigFile(named: string | null, fallback: string): Promise<ConfigFile> {
  const path = named ?? fallback;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (named === null && (code === 'ENOENT' || code === 'ENOTDIR')) return { path: null, values: {} };
    throw new StopError(`cannot read the configuration file ${path}: ${message}`, ExitCodes.usage);
  }
  const values = parseLines(text);
  const known = new Set<string>(SETTINGS.map(({ variable }) => variable));
  const unknown = Object.keys(values).filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new StopError(`${path} sets ${unknown.join(', ')}, which this agent does not know`, ExitCodes.usage);
  }
  return { path, values };
}
