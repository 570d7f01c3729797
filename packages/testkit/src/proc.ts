/** Processes on Linux: CPU time and memory from /proc, CPU cores with util-linux's taskset, and signals. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Milliseconds of one clock tick: USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MS = 10;
const KIB = 1_024;

/**
 * Returns the parent of a process and two CPU times in ms. `own` is the time of the process's first thread. `reaped` is
 * the time of those children that have ended and for which the process has waited. Returns null if the process has
 * ended.
 */
function timesOf(pid: number) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const schedstat = readFileSync(`/proc/${pid}/schedstat`, 'utf8');
    // The program's name, in parentheses, may contain any characters. The third field of proc(5) follows the name.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[13]) + Number(fields[14]);
    const own = Number(schedstat.slice(0, schedstat.indexOf(' '))) / 1e6;
    return { pid, parent: Number(fields[1]), own, reaped: ticks * TICK_MS };
  } catch {
    return null;
  }
}

/** Returns a process and its running children. */
function familyOf(pid: number) {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const all = pids.map((name) => timesOf(Number(name))).filter((times) => times !== null);
  return all.filter((times) => times.pid === pid || times.parent === pid);
}

/**
 * Returns the total CPU time, in ms, of a process and all its children, including children that have ended. The
 * resolution is a nanosecond for running processes and 10 ms for ended ones. Only the first thread of a running process
 * is counted, because PostgreSQL's processes have only one.
 */
export const familyCpuMs = (pid: number): number =>
  familyOf(pid).reduce((sum, times) => sum + times.own + (times.pid === pid ? times.reaped : 0), 0);

/** Returns the CPU time of all threads of this process, in ms since its start. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function memoryField(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * KIB;
}

/** Returns the resident memory of a process. */
export const residentBytes = (pid: number): number => memoryField(pid, 'VmRSS');

/** Returns the maximum resident memory of a process since `resetPeak` or its start, as recorded by the kernel. */
export const peakBytes = (pid: number): number => memoryField(pid, 'VmHWM');

/** Resets the peak to the current resident memory (proc(5), clear_refs). */
export const resetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5');

const canPin = (): boolean =>
  availableParallelism() > 1 && spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status === 0;

/**
 * Returns the command prefix that runs a program on one core. The prefix is empty if this process may use only one
 * core.
 */
export const onCore = (core: number): readonly string[] => (canPin() ? ['taskset', '-c', String(core)] : []);

/**
 * Moves a process and its children to one core, if this process may use several. Later children of the process inherit
 * the core.
 */
export function pinFamily(pid: number, core: number): void {
  if (!canPin()) return;
  for (const member of familyOf(pid)) execFileSync('taskset', ['-cp', String(core), String(member.pid)]);
}

/** Sends a signal to a process, unless the process has ended. */
export function signalIfRunning(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
