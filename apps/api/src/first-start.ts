import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** How a person can get at the first admin key: as it is, or in a file that only they can read. */
export type KeyPlace = { key: string } | { file: string };

/**
 * Hands over the first admin key. To a terminal it is shown, this once; anything else (a log, a service manager's
 * journal) gets the path of a file with mode 0600 in `directory`.
 */
export async function handOverKey(key: string, isTerminal: boolean, directory: string): Promise<KeyPlace> {
  if (isTerminal) return { key };
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, 'admin-key');
  await writeFile(file, `${key}\n`, { mode: 0o600 });
  // A file that was there before keeps its mode otherwise.
  await chmod(file, 0o600);
  return { file };
}

/** What `start` says once it serves: where, how to get in, and the commands that enrol this machine. */
export function banner({ url, database, place }: { url: string; database: string; place: KeyPlace | null }): string {
  const lines = [`Muster is listening on ${url}`, `Database: ${database}`, ''];
  if (place !== null && 'key' in place) {
    lines.push('Your admin key. It is shown this once; keep it:', `  ${place.key}`, '');
  } else if (place !== null) {
    lines.push(`Your admin key is in ${place.file} (only you can read it).`, '');
  }
  const key = place === null ? '$MUSTER_KEY' : 'key' in place ? place.key : `$(cat ${shellQuoted(place.file)})`;
  lines.push(
    place === null ? 'Enrol this machine (MUSTER_KEY: your admin key):' : 'Enrol this machine:',
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
