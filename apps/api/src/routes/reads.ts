import { Id } from '@muster/contracts';
import type { RequestHandler } from 'express';
import { NotFoundError } from '../errors.js';

/** Lets the caller's cache store a read, but only with revalidation by its ETag. */
export const requireRevalidation: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'private, no-cache');
  next();
};

/** Returns a valid id from a path parameter. @throws NotFoundError if it cannot be the id of a `what`. */
export function parseId(what: string, value: unknown): string {
  const parsed = Id.safeParse(value);
  if (!parsed.success) throw new NotFoundError(what);
  return parsed.data;
}
