import { readFile, readdir } from 'node:fs/promises';

/** The resource usage of a process, as counted by Linux. */
export interface ProcessCost {
  /** Resident memory, including file pages that other processes share. */
  rssBytes: number;
  /** The part of the resident memory that is private and not backed by a file. */
  anonymousBytes: number;
  /** Resident memory, where the size of each shared page is divided by the number of processes that share it. */
  pssBytes: number;
  cpuSeconds: number;
}

/** Reads the current usage of a process. Throws if the process does not exist. */
export async function readProcessCost(pid: number): Promise<ProcessCost> {
  const [status, rollup] = await Promise.all([
    readFile(`/proc/${pid}/status`, 'utf8'),
    readFile(`/proc/${pid}/smaps_rollup`, 'utf8'),
  ]);
  const bytesOf = (text: string, name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * 1_024;
  return {
    rssBytes: bytesOf(status, 'VmRSS'),
    anonymousBytes: bytesOf(status, 'RssAnon'),
    pssBytes: bytesOf(rollup, 'Pss'),
    cpuSeconds: await readCpuSeconds(pid),
  };
}

/**
 * Returns the CPU time of all threads with a resolution of nanoseconds, because the resolution of `/proc/PID/stat` is
 * only a hundredth of a second.
 */
async function readCpuSeconds(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(
    threads.map(async (thread) =>
      Number((await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')).split(' ')[0]),
    ),
  );
  return times.reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1e9;
}
