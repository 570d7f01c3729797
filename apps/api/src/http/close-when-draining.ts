import type { RequestHandler } from 'express';

/**
 * Sets `Connection: close` during shutdown, so that clients send their next request to another process. For requests
 * that were in flight when the shutdown began, the server's `drain` sets this header.
 */
export const closeWhenDraining =
  (isDraining: () => boolean): RequestHandler =>
  (_req, res, next) => {
    if (isDraining()) res.set('Connection', 'close');
    next();
  };
