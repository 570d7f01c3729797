/**
 * CPU time of processes, out of Linux's /proc: to the nanosecond for those that run, and to the kernel's tick of 10 ms
 * for those that have ended, so that figures are taken over many requests.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds of one tick: USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

interface ProcessTimes {
  parent: number;
  /** CPU time of the process's first thread, in ms. */
  own: number;
  /** Of its children that have ended and were waited for, in ms. */
  reaped: number;
}

/** Null: there is no such process any more. */
function timesOf(pid: number | string): ProcessTimes | null {
  let stat: string;
  let schedstat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    schedstat = readFileSync(`/proc/${pid}/schedstat`, 'utf8');
  } catch {
    return null;
  }
  // The name, in parentheses, may hold anything, parentheses too. What follows it is proc(5)'s third field and on.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (index: number) => Number(fields[index]) * TICK_MS;
  const own = Number(schedstat.slice(0, schedstat.indexOf(' '))) / 1e6;
  return { parent: Number(fields[1]), own, reaped: ticks(13) + ticks(14) };
}

/** The process that started this one. @throws if there is no such process. */
export function parentOf(pid: number): number {
  const times = timesOf(pid);
  if (times === null) throw new Error(`there is no process ${pid}`);
  return times.parent;
}

/**
 * CPU time of a process and all its children, those that have ended among them, in ms since they began. Each is to
 * have one thread, as PostgreSQL's have.
 */
export function familyCpuMs(pid: number): number {
  let total = 0;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const times = timesOf(entry);
    if (times === null) continue;
    if (Number(entry) === pid) total += times.own + times.reaped;
    else if (times.parent === pid) total += times.own;
  }
  return total;
}

/** CPU time of this process, its threads included, in ms since it began. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
