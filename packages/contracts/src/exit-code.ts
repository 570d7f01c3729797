import type { ExitReason } from './container-exit.js';

/**
 * The exit codes of processes that were stopped by SIGINT (130), by SIGTERM (143), or by Ctrl+C on Windows
 * (0xC000013A).
 */
export const STOPPED_EXIT_CODES: readonly number[] = [130, 143, 3_221_225_786];

/** Returns whether an exit code means an error, that is, is neither 0 nor one of the `STOPPED_EXIT_CODES`. */
export const isErrorCode = (exitCode: number | null): exitCode is number =>
  exitCode !== null && exitCode !== 0 && !STOPPED_EXIT_CODES.includes(exitCode);

/** The exit reasons that are errors. The reason `unknown` alone does not show an error. */
export const ERROR_REASONS: readonly ExitReason[] = ['crashed', 'oom', 'failed_to_start'];
