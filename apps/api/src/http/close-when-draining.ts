import type { RequestHandler } from 'express';

/**
 * Makes clients send their next request to another process during shutdown. It checks when the answer begins, so that
 * requests already in flight when draining began do not keep their connections.
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
