/** What memory a process has, out of Linux's /proc. */
import { readFileSync, writeFileSync } from 'node:fs';

const KIB = 1_024;

function fieldOf(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * KIB;
}

/** Resident bytes now. */
export const residentBytes = (pid: number): number => fieldOf(pid, 'VmRSS');

/** The most resident bytes since `forgetPeak` was called last, or the process began: the kernel keeps it, so none is missed. */
export const peakBytes = (pid: number): number => fieldOf(pid, 'VmHWM');

/** Has the peak counted from now (proc(5), clear_refs). */
export const forgetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5');
