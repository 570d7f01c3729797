import { z } from 'zod';
import type { ContainerExit } from './container-exit.js';
import { ERROR_REASONS, isErrorCode } from './exit-code.js';

/**
 * The reasons why a container needs attention, most severe first:
 *
 * - `crash_loop`: the containers of its workload exited with an error at least three times within the last hour. The
 *   newest container of the workload has the problem. A requested exit does not count. Exits of unknown cause count
 *   only if there are at least three such exits or the engine restarts the container. If a `looping` event combines
 *   several exits, each of them counts.
 * - `unhealthy`: its health check fails.
 * - `dead`: the engine could not remove it.
 * - `failed`: it exited with an error and was not started again, or it could not be started (`isFailed`).
 */
export const ContainerProblemCode = z.enum(['crash_loop', 'unhealthy', 'dead', 'failed']);
export type ContainerProblemCode = z.output<typeof ContainerProblemCode>;

/** The states of a container whose process has exited. Only Podman has the state `stopped`. */
export const ENDED_STATES: readonly string[] = ['exited', 'stopped'];

/** The states of a container that was never started. Only Podman has the state `initialized`. */
export const UNSTARTED_STATES: readonly string[] = ['created', 'initialized'];

/**
 * Returns whether a container has the problem `failed`. If its agent reported an exit, the reason of the exit decides.
 * An older agent reports only an exit code, in the status text. In that case, the container failed unless its code is 0
 * or one of the `STOPPED_EXIT_CODES`.
 */
export function isFailed({
  state,
  exitCode,
  exit,
}: {
  state: string;
  exitCode: number | null;
  exit?: Pick<ContainerExit, 'reason'> | null | undefined;
}): boolean {
  const isEnded = ENDED_STATES.includes(state);
  if (!exit) return isEnded && isErrorCode(exitCode);
  if (exit.reason === 'failed_to_start' && UNSTARTED_STATES.includes(state)) return true;
  return isEnded && ERROR_REASONS.includes(exit.reason);
}

/** Minimum number of exits with an error within an hour that count as a crash loop. */
export const CRASH_LOOP_EXITS_MIN = 3;
