import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { parseEnv, readSecret } from './env.js';
import { CommandError, ExitCodes } from './exit.js';
import { fileError } from './file-error.js';
import type { Terminal } from './terminal.js';

/** The URL of the API, and the API key for it. */
export interface ApiConnection {
  url: string;
  key: string;
  /** The name of the setting that contains the URL, for messages. */
  urlSetting: string;
}

const SavedConnection = z.object({ url: z.string().refine((url) => URL.canParse(url)), key: z.string() });
type SavedConnection = z.output<typeof SavedConnection>;

/** Returns the path of the file that `login` writes. */
function connectionPath({ env }: Terminal): string {
  const { HOME, XDG_CONFIG_HOME = join(HOME, '.config') } = parseEnv(env);
  return join(XDG_CONFIG_HOME, 'muster', 'connection.json');
}

/** Saves a connection to a file with mode 0600 in a directory with mode 0700. Returns the file's path. */
export async function saveConnection(
  terminal: Terminal,
  connection: Pick<ApiConnection, 'url' | 'key'>,
): Promise<string> {
  const file = connectionPath(terminal);
  // The temporary file is always new, because writeFile applies the mode only to new files.
  const temporaryFile = `${file}.${randomUUID()}`;
  try {
    // Not recursive, because a recursive mkdir never ends in a directory such as /proc on some versions of Node.js.
    await makeDirectory(dirname(dirname(file)));
    await makeDirectory(dirname(file));
    // The directory may exist with another mode. Anyone who can write to the directory could replace the file.
    await chmod(dirname(file), 0o700);
    await writeFile(temporaryFile, `${JSON.stringify(connection)}\n`, { mode: 0o600, flag: 'wx' });
    // The file is written under another name and renamed, so that it is never incomplete.
    await rename(temporaryFile, file);
  } catch (error) {
    await rm(temporaryFile, { force: true }).catch(() => undefined);
    throw fileError(`the URL and the key cannot be saved to ${file}`, error);
  }
  return file;
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Deletes the saved connection. */
export async function deleteConnection(terminal: Terminal): Promise<void> {
  const file = connectionPath(terminal);
  try {
    await rm(file, { force: true });
  } catch (error) {
    throw fileError(`${file} cannot be deleted`, error);
  }
}

/**
 * Returns the connection from MUSTER_URL and MUSTER_KEY or MUSTER_KEY_FILE, or the connection that `login` saved. The
 * saved key is sent only to the URL with which it was saved.
 * @throws CommandError if the URL or the key is missing.
 */
export async function loadConnection(terminal: Terminal): Promise<ApiConnection> {
  const { MUSTER_URL: url } = parseEnv(terminal.env);
  const key = readSecret(terminal.env, 'MUSTER_KEY');
  const wantedUrl = url === undefined ? null : normalizeUrl(url, 'MUSTER_URL');
  if (key !== undefined) checkKey(key, 'MUSTER_KEY');
  if (wantedUrl !== null && key) return { url: wantedUrl, key, urlSetting: 'MUSTER_URL' };
  const saved = await readSavedConnection(connectionPath(terminal));
  if (saved === null) {
    throw new CommandError(
      "no server configured: run 'muster login', or set MUSTER_URL and MUSTER_KEY (or MUSTER_KEY_FILE)",
    );
  }
  if (wantedUrl !== null && wantedUrl !== saved.url) {
    throw new CommandError(`the saved key is for ${saved.url}: also set MUSTER_KEY for ${wantedUrl}`);
  }
  const urlSetting = wantedUrl === null ? "the URL of 'muster login'" : 'MUSTER_URL';
  return { url: saved.url, key: key || saved.key, urlSetting };
}

async function readSavedConnection(file: string): Promise<SavedConnection | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fileError(`${file} cannot be read`, error);
  }
  try {
    return SavedConnection.parse(JSON.parse(text));
  } catch (error) {
    throw new CommandError(`${file} is not valid: run 'muster login' again`, ExitCodes.failed, {
      cause: error,
    });
  }
}

/** Returns a normalized http or https URL. @throws CommandError for any other text, with the name of its setting. */
export function normalizeUrl(text: string, setting: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new CommandError(`${setting} must look like https://muster.example.org`, ExitCodes.usage);
  }
  return (url.origin + url.pathname).replace(/\/+$/, '');
}

/**
 * @throws CommandError if a key contains an invalid character, such as a line feed. The message does not contain the
 * key.
 */
export function checkKey(key: string, setting: string): void {
  if (!/^[!-~]+$/.test(key)) throw new CommandError(`${setting} must be an API key (muster_key_…)`, ExitCodes.usage);
}
