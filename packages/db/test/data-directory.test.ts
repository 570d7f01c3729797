/**
 * Tests conditions that occur on container hosts: shared volumes, read-only mounts, full disks. Each test creates them
 * in separate namespaces, which requires root on Linux.
 */
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { isAvailable, runIf } from '@muster/testkit';

import { openDatabase } from '../src/open-database.js';
import { loadMigrations } from '../src/migrations.js';
import { cachedTemplate } from '../src/template.js';
import { temporaryDirectory } from './fixtures.js';

// Only root on Linux may create these namespaces.
const canUnshare = spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status === 0;
const missing = canUnshare ? null : 'mount and process namespaces cannot be created: run the tests as root on Linux';
const inNamespaces = runIf(isAvailable(missing), describe);

jest.setTimeout(180_000);

let folder: { path: string; remove: () => Promise<void> };
let dataDir: string;
const startedProcesses: ChildProcess[] = [];

beforeAll(async () => cachedTemplate(await loadMigrations()));
beforeEach(async () => {
  folder = await temporaryDirectory();
  dataDir = join(folder.path, 'data');
});
afterEach(async () => {
  await Promise.all(startedProcesses.splice(0).map(kill));
  await folder.remove();
});

async function kill(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const exited = once(process, 'exit');
  process.kill('SIGKILL');
  await exited;
}

/**
 * Starts a program of the tests in separate namespaces. The shell command `prepare` runs in the namespaces first.
 * `through` is a command that starts the program.
 */
function start(program: string, namespaces: string[], prepare = 'true', through: string[] = []) {
  const command = `${prepare} && exec ${through.join(' ')} "$0" "$1" "$2"`;
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn('unshare', [...namespaces, 'sh', '-c', command, process.execPath, path, dataDir], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  startedProcesses.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => String((await lines.next()).value);
  return { child, nextLine };
}

inNamespaces('an embedded database on a volume that two containers share', () => {
  // As with `docker run`, each program is process 1 of its namespace.
  const CONTAINER = ['--pid', '--fork', '--kill-child', '--mount-proc'];

  test('can be open in only one container, and opens in a second container once the first is killed', async () => {
    const first = start('./writer.js', CONTAINER);
    while (Number(await first.nextLine()) < 20);
    const second = start('./writer.js', CONTAINER);
    expect(await second.nextLine()).toBe(
      `DatabaseLockedError: The data directory ${dataDir} is in use by another Muster process: ` +
        'stop that process, or use another directory.',
    );
    first.child.kill('SIGKILL');
    let acknowledged = 20;
    for (let line = await first.nextLine(); line !== 'undefined'; line = await first.nextLine())
      acknowledged = Number(line) + 1;
    const database = await openDatabase({ dataDir });
    expect(await database.prisma.organization.count()).toBeGreaterThanOrEqual(acknowledged);
    await database.close();
  });
});

inNamespaces('a data directory', () => {
  const MOUNTS = ['--mount', '--propagation', 'private'];
  const remount = (options: string) => `mount --bind "$2" "$2" && mount -o remount,bind,${options} "$2"`;
  const disk = (size: string) => `mount -t tmpfs -o size=${size} muster "${folder.path}"`;

  test('causes an error with the reason if it is read-only', async () => {
    const database = await openDatabase({ dataDir });
    await database.prisma.organization.create({ data: { id: 'kept', name: 'o', slug: 'kept' } });
    await database.close();
    const { nextLine } = start('./writer.js', MOUNTS, remount('ro'));
    expect(await nextLine()).toBe(
      `DataDirectoryError: The data directory ${dataDir} cannot be used: its file system is read-only.`,
    );
    const again = await openDatabase({ dataDir });
    expect(await again.prisma.organization.count()).toBe(1);
    await again.close();
  });

  test('causes an error with the reason if it is missing on a read-only file system', async () => {
    const { nextLine } = start(
      './writer.js',
      MOUNTS,
      `mount --bind "${folder.path}" "${folder.path}" && mount -o remount,bind,ro "${folder.path}"`,
    );
    expect(await nextLine()).toBe(
      `DataDirectoryError: The data directory ${dataDir} cannot be used: its file system is read-only.`,
    );
  });

  test('causes an error with the reason if its disk is too small', async () => {
    const { nextLine } = start('./writer.js', MOUNTS, disk('5M'));
    expect(await nextLine()).toMatch(/^DataDirectoryError: The data directory .* cannot be used: its disk is full/);
  });

  test('loses nothing if its disk fills up: reads still work, and writes work again with more space', async () => {
    const { nextLine } = start('./disk-filler.js', MOUNTS, disk('60M'));
    const [, written] = /^(\d+) written, then unavailable$/.exec(await nextLine()) ?? [];
    expect(Number(written)).toBeGreaterThan(0);
    expect(await nextLine()).toBe(`${written} read`);
    expect(await nextLine()).toBe(`${Number(written) + 1} read`);
  });
});

inNamespaces('a data directory of another user', () => {
  test('causes an error with the owner if this user cannot enter it', async () => {
    await mkdir(dataDir);
    await chmod(dataDir, 0o700);
    await chown(dataDir, 12_345, 12_345);
    // Root without capabilities, as in a container that drops them, has no access to other users' files.
    const { nextLine } = start('./writer.js', [], 'true', ['setpriv', '--inh-caps=-all', '--bounding-set=-all']);
    expect(await nextLine()).toBe(
      `DataDirectoryError: The data directory ${dataDir} cannot be used: it belongs to uid 12345, but this process ` +
        `runs as uid 0: run it as uid 12345, or make this user the owner (chown 0 ${dataDir}).`,
    );
  });

  test('causes an error with the fix if other users can enter it and this user cannot change its mode', async () => {
    await mkdir(dataDir);
    // A volume that other users can write to, used by a process that does not own the volume.
    await chmod(dataDir, 0o777);
    await chown(dataDir, 12_345, 12_345);
    await chmod(folder.path, 0o755);
    const { nextLine } = start('./writer.js', ['--user', '--map-root-user']);
    expect(await nextLine()).toBe(
      `DataDirectoryError: The data directory ${dataDir} cannot be used: other users of this machine can enter it ` +
        '(mode 0777) and this user cannot change that; set MUSTER_DATA_DIR to another directory, for example a ' +
        'new one inside it.',
    );
  });
});

test('a data directory that cannot be created causes an error within two seconds', async () => {
  const since = performance.now();
  await expect(openDatabase({ dataDir: '/proc/1/x/y' })).rejects.toThrow(
    'The data directory /proc/1/x/y cannot be used: it, or a part of its path, does not exist and cannot be created.',
  );
  expect(performance.now() - since).toBeLessThan(2_000);
});

test('a data directory with the lock of a dead process opens immediately', async () => {
  await mkdir(dataDir);
  await writeFile(join(dataDir, 'lock.sock'), '');
  const database = await openDatabase({ dataDir });
  expect(await database.prisma.organization.count()).toBe(0);
  await database.close();
});
