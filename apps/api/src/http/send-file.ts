import type { Response } from 'express';
import { NotFoundError } from '../errors.js';
import { RequestAbortedError } from './request-aborted.js';

/**
 * The file exists, but does not satisfy a condition or range of the request. `bytes` is the file's length, if known.
 */
export class FileRefusedError extends Error {
  constructor(
    readonly status: 412 | 416,
    readonly bytes: number | null,
  ) {
    super(`a request for a file was refused with ${status}`);
    this.name = new.target.name;
  }
}

/**
 * Translates an error of the `send` package, with which Express serves files. An error with a status other than those
 * below is returned unchanged, because it indicates a bug in Muster.
 */
export function toFileError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, status, headers } = error as NodeJS.ErrnoException & { status?: unknown; headers?: object };
  if (code === 'ECONNABORTED') return new RequestAbortedError();
  // The path contains a NUL or leads outside the directory, or the file is hidden or was deleted while it was being
  // opened.
  if (status === 400 || status === 403 || status === 404) return new NotFoundError('file');
  if (status === 412) return new FileRefusedError(412, null);
  if (status !== 416) return error;
  const [, bytes] =
    /^bytes \*\/(\d+)$/.exec(String((headers as Record<string, unknown> | undefined)?.['Content-Range'])) ?? [];
  return new FileRefusedError(416, bytes === undefined ? null : Number(bytes));
}

/** Responds with a file, or a part of it. @throws the errors that `toFileError` returns. */
export async function sendFile(res: Response, path: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      const end = (error?: Error) => (error === undefined ? resolve() : reject(error));
      res.sendFile(path, { cacheControl: false, dotfiles: 'allow' }, end);
    });
  } catch (error) {
    throw toFileError(error);
  }
}
