/** Processes on Linux: CPU time from /proc, and signals. */
import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds of one clock tick: USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

/**
 * Returns the parent of a process and two CPU times in ms. `own` is the time of the process's first thread. `reaped` is
 * the time of those children that have ended and for which the process has waited. Returns null if the process has
 * ended.
 */
function timesOf(pid: number) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const schedstat = readFileSync(`/proc/${pid}/schedstat`, 'utf8');
    // The program's name, in parentheses, can contain any characters. The third field of proc(5) follows the name.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[13]) + Number(fields[14]);
    const own = Number(schedstat.slice(0, schedstat.indexOf(' '))) / 1e6;
    return { pid, parent: Number(fields[1]), own, reaped: ticks * TICK_MS };
  } catch {
    return null;
  }
}

/** Returns a process and its running children. */
export function familyOf(pid: number) {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const all = pids.map((name) => timesOf(Number(name))).filter((times) => times !== null);
  return all.filter((times) => times.pid === pid || times.parent === pid);
}

/**
 * Returns the total CPU time, in ms, of a process and all its children, including children that have ended. The
 * resolution is a nanosecond for running processes and 10 ms for ended processes. Only the first thread of a running
 * process is counted, because PostgreSQL's processes have only one.
 */
export const familyCpuMs = (pid: number): number =>
  familyOf(pid).reduce((sum, times) => sum + times.own + (times.pid === pid ? times.reaped : 0), 0);

/** Returns the CPU time of all threads of this process, in ms since its start. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Sends a signal to a process, unless the process has ended. */
export function signalIfRunning(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
