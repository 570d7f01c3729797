import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '@muster/db';

/**
 * How a secret is delivered to the person who starts Muster: either printed, or in a file that only that person can
 * read.
 */
export type SecretDelivery = { shown: string } | { file: string };

/** Names of the files for secrets that are not printed. */
const SECRET_FILES = { adminKey: 'admin-key', setupLink: 'setup-link' } as const;

/**
 * Delivers a secret to the person who starts Muster. If stdout is a terminal, the caller prints the secret once.
 * Otherwise, stdout may be a log, so the secret is written to a file with mode 0600 in `directory`.
 */
export async function deliverSecret(
  kind: keyof typeof SECRET_FILES,
  secret: string,
  isTerminal: boolean,
  directory: string,
): Promise<SecretDelivery> {
  if (isTerminal) return { shown: secret };
  await makeDirectory(directory, 0o700);
  const file = join(directory, SECRET_FILES[kind]);
  // Create a new file, because an existing file keeps its mode, may be a link and may belong to another user.
  const unfinished = `${file}.${randomUUID()}`;
  await writeFile(unfinished, `${secret}\n`, { mode: 0o600, flag: 'wx' });
  await rename(unfinished, file);
  return { file };
}

/**
 * Returns the link that creates the owner's account. The part after `#` stays in the browser, so no server or proxy
 * logs it.
 */
export const setupLink = (url: string, token: string): string => `${url}/setup#token=${token}`;

export interface BannerFacts {
  url: string;
  database: string;
  /** The admin key that this start created; null if an admin key already existed. */
  adminKey: SecretDelivery | null;
  /** The link for creating the owner's account; null if a user exists. */
  setup: SecretDelivery | null;
}

/** Returns the text that is printed when the API is ready: URL, credentials and the commands to enroll this machine. */
export function startBanner({ url, database, adminKey, setup }: BannerFacts): string {
  const lines = [`Muster is listening on ${url}`, `Database: ${database}`, ''];
  if (setup !== null && 'shown' in setup) {
    lines.push('Create your account with this one-time link:', `  ${setup.shown}`, '');
  } else if (setup !== null) {
    lines.push(`The one-time link to create your account is in ${setup.file} (only you can read it).`, '');
  }
  if (adminKey !== null && 'shown' in adminKey) {
    lines.push('Your admin key, for programs. Copy it now, it is shown only once:', `  ${adminKey.shown}`, '');
  } else if (adminKey !== null) {
    lines.push(`Your admin key is in ${adminKey.file} (only you can read it).`, '');
  }
  const key =
    adminKey === null ? '$MUSTER_KEY' : 'shown' in adminKey ? adminKey.shown : `$(cat ${shellQuoted(adminKey.file)})`;
  lines.push(
    adminKey === null ? 'Enroll this machine (MUSTER_KEY: your admin key):' : 'Enroll this machine:',
    `  curl -sS ${url}/api/enrollment-tokens -H "Authorization: Bearer ${key}" \\`,
    `    -H 'Content-Type: application/json' -d '{"name":"this machine"}'`,
    `  MUSTER_URL=${url} MUSTER_ENROLL_TOKEN=<the token from the response> npx -y pnpm@12.21.0 agent`,
    '',
    `List its containers:`,
    `  curl -sS ${url}/api/containers -H "Authorization: Bearer ${key}"`,
    '',
  );
  return lines.join('\n');
}

const shellQuoted = (path: string) => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`);
