/** The memory of processes on Linux, as recorded by the kernel in /proc. */
import { readFileSync, writeFileSync } from 'node:fs';

const KIB = 1_024;

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
