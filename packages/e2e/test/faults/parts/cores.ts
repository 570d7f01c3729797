/** Runs processes on one CPU core, with util-linux's taskset. */
import { execFileSync, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { PostgresCluster } from '@muster/testkit';
import { familyOf } from '@muster/testkit/proc';

const canPin = (): boolean =>
  availableParallelism() > 1 && spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status === 0;

/**
 * Returns the command prefix that runs a program on a core. The prefix is empty if this process may use only one core.
 */
export const onCore = (core: number): readonly string[] => (canPin() ? ['taskset', '-c', String(core)] : []);

/**
 * Moves a PostgreSQL server to a core, so that it does not slow down the load generator on another core. Does nothing
 * if this process may use only one core. Later processes of the server inherit the core.
 */
export async function pinServer(cluster: Pick<PostgresCluster, 'pid'>, core: number): Promise<void> {
  if (!canPin()) return;
  for (const member of familyOf(await cluster.pid()))
    execFileSync('taskset', ['-cp', String(core), String(member.pid)]);
}
