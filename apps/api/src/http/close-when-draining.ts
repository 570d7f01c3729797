import type { RequestHandler } from 'express';

/**
 * Makes clients send their next request to another process during shutdown. For requests that were in flight when
 * draining began, the server's `drain` sets the header.
 */
export const closeWhenDraining =
  (isDraining: () => boolean): RequestHandler =>
  (_req, res, next) => {
    if (isDraining()) res.set('Connection', 'close');
    next();
  };
