import { Paths, StreamQuery } from '@muster/contracts';
import { Router, type Request, type RequestHandler, type Response } from 'express';
import { toFrame } from '../domain/stream-frame.js';
import { DomainError } from '../errors.js';
import { operatorOf } from '../middleware/auth.js';
import { readFields } from '../middleware/body.js';
import { openEventStream } from '../middleware/event-stream.js';
import type { LiveStream } from '../services/live-stream.js';

export interface StreamRouterParts {
  /** Finds the operator, for `operatorOf`. Asked again while a stream lasts. */
  auth: RequestHandler;
  live: LiveStream;
  recheckMs?: number;
}

/** Milliseconds between two looks at whether a listener's key or session is still good: dead within five seconds. */
const RECHECK_MS = 4_500;

/** Changes in the operator's organization, as they are committed. */
export function createStreamRouter({ auth, live, recheckMs = RECHECK_MS }: StreamRouterParts): Router {
  const router = Router();

  router.get(Paths.stream, auth, async (req, res) => {
    const query = readFields(StreamQuery, req.query);
    const { organizationId } = operatorOf(res);
    await live.listen(organizationId, query, req.get('Last-Event-ID') ?? null, () => {
      const sink = openEventStream(res);
      const recheck = setInterval(() => {
        void isStillGood(auth, req, res, organizationId).then((good) => {
          if (!good) sink.end(toFrame({ event: 'unauthorized', data: {} }).bytes);
        });
      }, recheckMs);
      void sink.closed.then(() => clearInterval(recheck));
      return sink;
    });
  });
  return router;
}

/** Asks again who it is. Only a clear no is one: while the database is away, nothing is told either. */
async function isStillGood(
  auth: RequestHandler,
  req: Request,
  res: Response,
  organizationId: string,
): Promise<boolean> {
  try {
    let refusal: Error | undefined;
    await auth(req, res, (error?: unknown) => (refusal = error as Error | undefined));
    if (refusal !== undefined) throw refusal;
    return operatorOf(res).organizationId === organizationId;
  } catch (error) {
    return !(error instanceof DomainError) || error.code === 'unavailable';
  }
}
