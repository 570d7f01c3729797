import { execFile } from 'node:child_process';
import { open, mkdtemp, rm } from 'node:fs/promises';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { median } from './stats.js';

/** What figures depend on beside the code. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryBytes: number;
  kernel: string;
  node: string;
  /** Null where no PostgreSQL was used. */
  postgres: string | null;
  /** Median of writing 8 KiB and waiting until the disk has it, where the databases lie: what a commit waits for. */
  fsyncMs: number;
}

const FSYNC_TRIES = 50;

export async function describeMachine(postgres: string | null): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: `Linux ${release()}`,
    node: process.version,
    postgres,
    fsyncMs: await measureFsync(),
  };
}

async function measureFsync(): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'muster-fsync-'));
  try {
    const file = await open(join(directory, 'file'), 'w');
    const times: number[] = [];
    for (let i = 0; i < FSYNC_TRIES; i++) {
      const startedAt = performance.now();
      await file.write(Buffer.alloc(8_192, i), 0, 8_192, i * 8_192);
      await file.datasync();
      times.push(performance.now() - startedAt);
    }
    await file.close();
    return median(times);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The commit that is checked out, with a `+` where files were changed since; `unknown` outside of a repository. */
export async function currentCommit(): Promise<string> {
  const git = async (...args: string[]) => (await promisify(execFile)('git', args)).stdout.trim();
  try {
    // The document itself changes with each run.
    const changed = await git('status', '--porcelain', '--', ':(top)', ':(top,exclude)docs');
    return `${await git('rev-parse', '--short=10', 'HEAD')}${changed === '' ? '' : '+'}`;
  } catch {
    return 'unknown';
  }
}
