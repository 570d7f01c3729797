import { Operations } from '@muster/contracts';
import { toChunk, toFrame, type LiveStream } from '../services/live/index.js';
import { RateLimitedError } from '../errors.js';
import { createKeyedSemaphore } from '../lib/keyed-semaphore.js';
import type { Authenticate } from '../http/auth.js';
import { openEventStream } from '../http/event-stream.js';
import { RECHECK_MS, createOperatorRecheck } from '../http/recheck-operator.js';
import { closeIfReaderStalls, STALLED_MS_MAX } from '../http/close-if-reader-stalls.js';
import { route, type Route } from '../http/route.js';
import type { OperatorIdentity } from '../services/identity/index.js';

export interface StreamRouteOptions {
  /** Reauthenticates the operator while a stream is open. */
  auth: Authenticate<OperatorIdentity>;
  live: LiveStream;
  recheckMs?: number;
  /** Milliseconds within which a client must read part of the pending data. */
  stalledMsMax?: number;
  /** Maximum number of open streams per operator. */
  operatorListenersMax?: number;
}

/**
 * Maximum number of open streams per key or user. A process allows 5,000 open streams in total. A team's screens may
 * share a key.
 */
const OPERATOR_LISTENERS_MAX = 1_000;

/** Retry-After, in milliseconds, for an operator at the limit. */
const RETRY_MS = 5_000;

/** The route that streams changes in the operator's organization as they are committed. */
export function streamRoutes(options: StreamRouteOptions): Route[] {
  const { auth, live, recheckMs = RECHECK_MS, stalledMsMax = STALLED_MS_MAX } = options;
  const { operatorListenersMax: permits = OPERATOR_LISTENERS_MAX } = options;
  const operatorPermits = createKeyedSemaphore({ permits, waitingMax: 0, waitMsMax: 0 });
  const recheckOperator = createOperatorRecheck(auth);

  return [
    route(Operations.stream, async ({ caller: { organizationId, actor }, query, req, res }) => {
      if (req.method === 'HEAD') {
        res.status(200).end();
        return;
      }
      if (operatorPermits.acquire(actor) !== true)
        throw new RateLimitedError(`At most ${permits} streams can be open at a time.`, RETRY_MS);
      closeIfReaderStalls(res, stalledMsMax, () => operatorPermits.release(actor));
      await live.listen(organizationId, query, req.get('Last-Event-ID') ?? null, () => {
        const sink = openEventStream(res);
        const recheck = setInterval(() => {
          void recheckOperator(req, res).then((current) => {
            if (current !== 'unknown' && current?.id !== organizationId)
              sink.end(toChunk([toFrame({ event: 'unauthorized', data: {} })]));
          });
        }, recheckMs);
        void sink.closed.then(() => clearInterval(recheck));
        return sink;
      });
    }),
  ];
}
