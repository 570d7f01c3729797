import { CommandError, ExitCodes } from './exit.js';

/** The reasons of common errors of the file system. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is exceeded',
  ENOENT: 'its directory does not exist',
  ENOTDIR: 'a part of its path is not a directory',
  EISDIR: 'it is a directory',
};

/**
 * Returns a CommandError for an operation on a file that failed. `problem` states the operation, and the error of
 * Node.js has the reason. Returns an error without a code unchanged.
 */
export function fileError(problem: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  return new CommandError(`${problem}: ${REASONS[code] ?? message}`, ExitCodes.failed, { cause: error });
}
