import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withTemporaryDirectory } from '../disposables.js';
import { median } from './stats.js';

/** The properties of the machine and of its software that affect figures. */
export type Machine = Awaited<ReturnType<typeof describeMachine>>;

const FSYNC_TRIES = 50;

/** Describes this machine. `postgres` is the version of PostgreSQL, or null if the run did not use PostgreSQL. */
export async function describeMachine(postgres: string | null) {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: `Linux ${release()}`,
    node: process.version,
    postgres,
    /**
     * Median time of a durable 8 KiB write to the disk that holds the databases. Every commit waits for a durable
     * write.
     */
    fsyncMs: await withTemporaryDirectory(measureFsync),
  };
}

async function measureFsync(directory: string): Promise<number> {
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
}

/** Returns the current commit, with a `+` if files outside docs/ have changed, or `unknown` outside a repository. */
export async function currentCommit(): Promise<string> {
  const git = async (...args: string[]) => (await promisify(execFile)('git', args)).stdout.trim();
  try {
    const changes = await git('status', '--porcelain', '--', ':(top)', ':(top,exclude)docs');
    return `${await git('rev-parse', '--short=10', 'HEAD')}${changes === '' ? '' : '+'}`;
  } catch {
    return 'unknown';
  }
}
