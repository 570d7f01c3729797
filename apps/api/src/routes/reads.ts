import { Id } from '@muster/contracts';
import type { RequestHandler } from 'express';
import { NotFoundError } from '../errors.js';

/** A read may be kept by its caller, but must be asked for again: its ETag tells whether it still holds. */
export const revalidated: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'private, no-cache');
  next();
};

/** The id of a `what` from a path. One that cannot be an id belongs to nothing. @throws NotFoundError. */
export function idFrom(what: string, value: unknown): string {
  const parsed = Id.safeParse(value);
  if (!parsed.success) throw new NotFoundError(what);
  return parsed.data;
}
