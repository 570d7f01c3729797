import { randomUUID } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import type { Level, Logger } from 'pino';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- Express types res.locals through this namespace
  namespace Express {
    interface Locals {
      requestId: string;
      /**
       * The value of `performance.now()` when the request arrived. Set only if the request may have waited in a queue.
       */
      receivedAt?: number;
      /**
       * True if the request was refused for a reason that can affect many requests at the same time, such as an
       * overload or a rate limit. The log line of such a request has the level debug.
       */
      isLoggedAtDebug?: boolean;
    }
  }
}

/**
 * Assigns each request an id, returned as X-Request-Id, and logs the request when it ends. Successes are logged at
 * debug, because a fleet repeats the same requests all day. Only method and path are logged, because a query can
 * contain a search text, and a header can contain a token. Nothing is computed for a level that is not logged.
 */
export const requestLog =
  (logger: Logger): RequestHandler =>
  (req, res, next) => {
    const id = randomUUID();
    const startedAt = res.locals.receivedAt ?? performance.now();
    res.locals.requestId = id;
    res.setHeader('X-Request-Id', id);
    res.on('close', () => {
      const level = levelOf(res);
      if (!logger.isLevelEnabled(level)) return;
      const { method, originalUrl } = req;
      logger[level](
        {
          req: { id, method, path: originalUrl.split('?', 1)[0] },
          res: { statusCode: res.statusCode },
          responseTime: Math.round(performance.now() - startedAt),
        },
        res.writableFinished ? 'request completed' : 'request aborted',
      );
    });
    next();
  };

function levelOf({ statusCode, locals }: Response): Level {
  if (locals.isLoggedAtDebug) return 'debug';
  if (statusCode >= 500) return 'error';
  return statusCode >= 400 ? 'info' : 'debug';
}
