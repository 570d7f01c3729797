import type { RequestHandler } from 'express';

/**
 * Asks clients to take their next request elsewhere once the process takes its leave. What counts is when the answer
 * begins, not when the request came: one that was in flight when draining began must not keep its connection.
 */
export const closeWhenDraining =
  (isDraining: () => boolean): RequestHandler =>
  (_req, res, next) => {
    const writeHead = res.writeHead.bind(res) as (...args: unknown[]) => typeof res;
    res.writeHead = (...args: unknown[]) => {
      if (isDraining()) res.setHeader('Connection', 'close');
      return writeHead(...args);
    };
    next();
  };
