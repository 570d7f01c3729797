import { z } from 'zod';

/**
 * The reasons why a container needs attention, most severe first:
 *
 * - `crash_loop`: the containers of its workload exited with an error at least three times within the last hour. The
 *   newest container of the workload has the problem. Exits that were requested do not count, and exits of unknown cause
 *   only if there are three of them or the engine restarts the container.
 * - `unhealthy`: its health check fails.
 * - `dead`: the engine could not remove it.
 * - `failed`: it exited with an error and was not started again. Exit codes of containers that someone stopped
 *   (`STOPPED_EXIT_CODES`) are not errors.
 */
export const ContainerProblemCode = z.enum(['crash_loop', 'unhealthy', 'dead', 'failed']);
export type ContainerProblemCode = z.output<typeof ContainerProblemCode>;

/**
 * The exit codes of processes that were stopped by SIGINT (130), by SIGTERM (143), or by Ctrl+C on Windows
 * (0xC000013A).
 */
export const STOPPED_EXIT_CODES: readonly number[] = [130, 143, 3_221_225_786];

/** Returns whether an exit code means an error: whether it is neither 0 nor the code of a stopped process. */
export const isErrorCode = (exitCode: number | null): exitCode is number =>
  exitCode !== null && exitCode !== 0 && !STOPPED_EXIT_CODES.includes(exitCode);

/** The states of a container whose process has ended. Only Podman has the state `stopped`. */
export const ENDED_STATES: readonly string[] = ['exited', 'stopped'];

/** Returns whether a container has the problem `failed`. */
export const isFailed = ({ state, exitCode }: { state: string; exitCode: number | null }): boolean =>
  ENDED_STATES.includes(state) && isErrorCode(exitCode);

/** Minimum number of exits with an error within an hour that count as a crash loop. */
export const CRASH_LOOP_EXITS_MIN = 3;
