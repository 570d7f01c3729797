/** Which core a process may run on (taskset, of util-linux): a generator that shares one with what it loads measures itself. */
import { execFile, spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { onDatabase } from './server.js';

/** Whether there is more than one core, and a way to choose. */
const canPin = (): boolean =>
  availableParallelism() > 1 && spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status === 0;

/** The command through which a program is started on one core; none where that cannot be. */
export const onCore = (core: number): readonly string[] => (canPin() ? ['taskset', '-c', String(core)] : []);

/** Keeps a PostgreSQL server on one core: its first process, and with it all that it will start. */
export async function pinServer(url: string, core: number): Promise<void> {
  if (!canPin()) return;
  const backend = await onDatabase(url, async (client) => {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    return parentOf(rows[0]!.pid);
  });
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  for (const pid of pids) {
    const isItsChild = (await parentOf(pid).catch(() => null)) === backend;
    if (pid === backend || isItsChild) await promisify(execFile)('taskset', ['-cp', String(core), String(pid)]);
  }
}

async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may hold anything; what follows it is proc(5)'s third field and on.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}
