/** Thrown when a live process holds the lock of the directory. */
export class DirectoryLockedError extends Error {
  override readonly name = 'DirectoryLockedError';

  constructor(readonly directory: string) {
    super(`The directory ${directory} is in use by another process.`);
  }
}

/** Thrown when the system or the file system does not support directory locks. */
export class DirectoryLockUnavailableError extends Error {
  override readonly name = 'DirectoryLockUnavailableError';

  constructor(
    readonly directory: string,
    /** The reason, which is also part of the message. */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`The directory ${directory} cannot be locked: ${reason}.`, options);
  }
}

/** Returns the code of a system error; undefined for any other value. */
export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;
