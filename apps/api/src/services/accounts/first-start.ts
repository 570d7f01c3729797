import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** How a person can get at a secret: as it is, or in a file that only they can read. */
export type SecretPlace = { shown: string } | { file: string };

/** The files of what is not shown. */
const FILES = { adminKey: 'admin-key', setupLink: 'setup-link' } as const;

/**
 * Hands over a secret. To a terminal it is shown, this once; anything else (a log, a service manager's journal) gets
 * the path of a file with mode 0600 in `directory`.
 */
export async function handOver(
  kind: keyof typeof FILES,
  secret: string,
  isTerminal: boolean,
  directory: string,
): Promise<SecretPlace> {
  if (isTerminal) return { shown: secret };
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, FILES[kind]);
  // A new file: one that exists keeps its mode, may be another user's, or may be a link to somewhere else.
  const unfinished = `${file}.${randomUUID()}`;
  await writeFile(unfinished, `${secret}\n`, { mode: 0o600, flag: 'wx' });
  await rename(unfinished, file);
  return { file };
}

/** The link that makes the owner. What follows `#` stays in the browser: no server and no proxy logs it. */
export const setupLink = (url: string, token: string): string => `${url}/setup#token=${token}`;

export interface BannerFacts {
  url: string;
  database: string;
  /** The admin key that this start made; null where there was one. */
  adminKey: SecretPlace | null;
  /** The link to make the owner by; null once there is a user. */
  setup: SecretPlace | null;
}

/** What `start` says once it serves: where, how to get in, and the commands that enrol this machine. */
export function banner({ url, database, adminKey, setup }: BannerFacts): string {
  const lines = [`Muster is listening on ${url}`, `Database: ${database}`, ''];
  if (setup !== null && 'shown' in setup) {
    lines.push('Make your account, by this link. It is good once:', `  ${setup.shown}`, '');
  } else if (setup !== null) {
    lines.push(`The link to make your account by is in ${setup.file} (only you can read it). It is good once.`, '');
  }
  if (adminKey !== null && 'shown' in adminKey) {
    lines.push('Your admin key, for programs. It is shown this once; keep it:', `  ${adminKey.shown}`, '');
  } else if (adminKey !== null) {
    lines.push(`Your admin key is in ${adminKey.file} (only you can read it).`, '');
  }
  const key =
    adminKey === null ? '$MUSTER_KEY' : 'shown' in adminKey ? adminKey.shown : `$(cat ${shellQuoted(adminKey.file)})`;
  lines.push(
    adminKey === null ? 'Enrol this machine (MUSTER_KEY: your admin key):' : 'Enrol this machine:',
    `  curl -sS ${url}/api/enrollment-tokens -H "Authorization: Bearer ${key}" \\`,
    `    -H 'Content-Type: application/json' -d '{"name":"this machine"}'`,
    `  MUSTER_URL=${url} MUSTER_ENROLL_TOKEN=<the token it answers> npx -y pnpm@12.21.0 agent`,
    '',
    `See what it reports:`,
    `  curl -sS ${url}/api/containers -H "Authorization: Bearer ${key}"`,
    '',
  );
  return lines.join('\n');
}

const shellQuoted = (path: string) => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`);
