import { randomUUID } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import type { Level, Logger } from 'pino';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- Express's own way of typing what a middleware leaves
  namespace Express {
    interface Locals {
      requestId: string;
      /** When it came, by `performance.now()`, if it may have waited since. */
      receivedAt?: number;
      /** One of many refusals that come when there is too much: told of together, not each by itself. */
      isUnremarkable?: boolean;
    }
  }
}

/**
 * Gives each request an id, which its answer tells as X-Request-Id, and logs it when it ends: failures where they
 * are seen, successes at debug, for a fleet says the same thing all day. Of a request, the method and the path are
 * logged: a query can hold what somebody searched for, and a header a token. A level that is not logged costs nothing.
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
        res.writableFinished ? 'request completed' : 'request broken off',
      );
    });
    next();
  };

function levelOf({ statusCode, locals }: Response): Level {
  if (locals.isUnremarkable) return 'debug';
  if (statusCode >= 500) return 'error';
  return statusCode >= 400 ? 'info' : 'debug';
}
