import { readFile, readdir } from 'node:fs/promises';

/** What a process holds and has used, as Linux counts it. */
export interface ProcessCost {
  /** Resident memory: with every page of files, those that other processes share too. */
  rssBytes: number;
  /** The part of it that is this process's alone and comes from no file. */
  anonymousBytes: number;
  /** Resident memory with each shared page counted in parts. */
  pssBytes: number;
  cpuSeconds: number;
}

/** The present cost of a process. Throws where there is none of this id. */
export async function readProcessCost(pid: number): Promise<ProcessCost> {
  const [status, rollup] = await Promise.all([
    readFile(`/proc/${pid}/status`, 'utf8'),
    readFile(`/proc/${pid}/smaps_rollup`, 'utf8'),
  ]);
  const kilobytes = (text: string, name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * 1_024;
  return {
    rssBytes: kilobytes(status, 'VmRSS'),
    anonymousBytes: kilobytes(status, 'RssAnon'),
    pssBytes: kilobytes(rollup, 'Pss'),
    cpuSeconds: await readCpuSeconds(pid),
  };
}

/** The time that all threads had on a core, to the nanosecond: `/proc/PID/stat` counts in hundredths of a second. */
async function readCpuSeconds(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(
    threads.map(async (thread) =>
      Number((await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')).split(' ')[0]),
    ),
  );
  return times.reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1e9;
}
