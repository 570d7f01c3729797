import { randomUUID } from 'node:crypto';
import { open, readFile, rename, stat, unlink } from 'node:fs/promises';
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
 * it exists. Throws `StopError` if the file cannot be read or contains an unknown variable, because a misspelled
 * setting would otherwise have no effect.
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

/**
 * A prepared change of the configuration file. The caller must call `close`, which discards a change that was not
 * applied.
 */
export interface UrlChange {
  apply(): Promise<void>;
  close(): Promise<void>;
}

/** Matches a line of the configuration file that sets `MUSTER_URL`. */
const URL_LINE = /^(\s*(?:export\s+)?MUSTER_URL\s*=).*$/gm;

/**
 * Prepares to replace the value of `MUSTER_URL` in the file at `path`. Does not change a file that does not set
 * `MUSTER_URL`. All other lines, the owner and the access rights stay the same. Throws `StopError` if the file cannot
 * be replaced.
 */
export async function prepareUrlChange(path: string | null, musterUrl: string): Promise<UrlChange> {
  const nothing: UrlChange = { apply: () => Promise.resolve(), close: () => Promise.resolve() };
  if (path === null) return nothing;
  const text = await readFile(path, 'utf8');
  const changedText = text.replace(URL_LINE, (_, name: string) => `${name}${musterUrl}`);
  if (changedText === text) return nothing;
  const temporaryPath = `${path}.${randomUUID()}.tmp`;
  const remove = (): Promise<void> =>
    unlink(temporaryPath).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
  try {
    const { uid, gid, mode } = await stat(path);
    const file = await open(temporaryPath, 'wx', 0o600);
    try {
      await file.writeFile(changedText);
      await file.chown(uid, gid);
      await file.chmod(mode & 0o777);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await remove();
    const reason = (error as Error).message;
    throw new StopError(
      `cannot change MUSTER_URL in ${path}: ${reason}; run this command as the file’s owner`,
      ExitCodes.failed,
    );
  }
  return { apply: () => rename(temporaryPath, path), close: remove };
}
