import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv as parseLines } from 'node:util';
import { ExitCodes, StopError } from '../exit.js';
import { SETTINGS } from './settings.js';

/** A parsed configuration file. `path` is null if there is no file. */
export interface ConfigFile {
  path: string | null;
  values: Readonly<Record<string, string | undefined>>;
}

/** Returns the default path of the configuration file. */
export const defaultConfigPath = (
  environment: Readonly<Record<string, string | undefined>>,
  machine: { isRoot: boolean; home: string },
): string =>
  machine.isRoot
    ? '/etc/muster-agent/config'
    : join(environment['XDG_CONFIG_HOME'] || join(machine.home, '.config'), 'muster-agent', 'config');

/**
 * Reads the settings from lines of the form `VARIABLE=value`, in which the variables have the same names as in the
 * environment. The file at `requestedPath` must exist. If `requestedPath` is null, the file at `defaultPath` is read if
 * it exists. Throws `StopError` if the file cannot be read. Also throws it for an unknown variable, because a
 * misspelled setting would otherwise have no effect.
 */
export async function readConfigFile(requestedPath: string | null, defaultPath: string): Promise<ConfigFile> {
  const path = requestedPath ?? defaultPath;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (requestedPath === null && (code === 'ENOENT' || code === 'ENOTDIR')) return { path: null, values: {} };
    throw new StopError(`cannot read the configuration file ${path}: ${message}`, ExitCodes.usage);
  }
  const values = parseLines(text);
  const known = new Set<string>(SETTINGS.map(({ variable }) => variable));
  const unknown = Object.keys(values).filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new StopError(`${path} sets ${unknown.join(', ')}, which this agent does not support`, ExitCodes.usage);
  }
  return { path, values };
}
