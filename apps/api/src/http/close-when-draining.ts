import type { RequestHandler } from 'express';

/**
 * Makes clients send their next request to another process during shutdown. Requests already in flight when draining
 * began are marked by the server's `drain`.
 */
export const closeWhenDraining =
  (isDraining: () => boolean): RequestHandler =>
  (_req, res, next) => {
    if (isDraining()) res.set('Connection', 'close');
    next();
  };
