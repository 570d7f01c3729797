import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { CommandError, ExitCodes } from './exit.js';
import type { Terminal } from './terminal.js';

/** Where the API is, and who asks. */
export interface KnownConnection {
  url: string;
  key: string;
}

const SavedConnection = z.object({ url: z.string(), key: z.string() });

/** The file that `login` writes: only its owner can read it. */
const fileOf = ({ env }: Terminal): string =>
  join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'), 'muster', 'connection.json');

/** Keeps a connection for later commands, in a file of mode 0600 in a directory of mode 0700; returns its path. */
export async function saveConnection(terminal: Terminal, connection: KnownConnection): Promise<string> {
  const file = fileOf(terminal);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  // Also one that was there before: who can write in it can put another file in place of this one.
  await chmod(dirname(file), 0o700);
  // A new file, because a mode holds only for a file that is created, and then renamed, so that it is never half written.
  const unfinished = `${file}.${randomUUID()}`;
  await writeFile(unfinished, `${JSON.stringify(connection)}\n`, { mode: 0o600, flag: 'wx' });
  await rename(unfinished, file);
  return file;
}

/** Forgets what `login` kept. */
export const forgetConnection = (terminal: Terminal): Promise<void> => rm(fileOf(terminal), { force: true });

/**
 * What MUSTER_URL and MUSTER_KEY say, else what `login` has kept. A kept key goes to the URL that it was given for, and
 * to no other.
 * @throws CommandError where something is missing.
 */
export async function knownConnection(terminal: Terminal): Promise<KnownConnection> {
  const { MUSTER_URL: url, MUSTER_KEY: key } = terminal.env;
  if (url && key) return { url: checkedUrl(url), key };
  const saved = await readSaved(fileOf(terminal));
  if (saved === null) {
    throw new CommandError("it is not known where Muster is: run 'muster login', or set MUSTER_URL and MUSTER_KEY");
  }
  if (url && checkedUrl(url) !== saved.url) {
    throw new CommandError(`the key that is kept is for ${saved.url}: set MUSTER_KEY for the other one, too`);
  }
  return { url: saved.url, key: key || saved.key };
}

async function readSaved(file: string): Promise<KnownConnection | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new CommandError(`${file} cannot be read`, ExitCodes.failed, { cause: error });
  }
  try {
    return SavedConnection.parse(JSON.parse(text));
  } catch (error) {
    throw new CommandError(`${file} is not as 'muster login' writes it: log in again`, ExitCodes.failed, {
      cause: error,
    });
  }
}

/** @throws CommandError unless it is an http or https URL. */
export function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new CommandError('the URL must be like https://muster.example.org', ExitCodes.usage);
  }
  return (url.origin + url.pathname).replace(/\/+$/, '');
}
