import type { Request, RequestHandler, Response } from 'express';
import { RateLimitedError } from '../errors.js';
import { createKeyedSemaphore } from '../lib/keyed-semaphore.js';
import { agentOf } from './auth.js';

/** How many of a host's requests may wait for its turn in each line, and for how many milliseconds. */
const WAITING_MAX = 8;
const WAIT_MS_MAX = 2_000;

type Handler = (req: Request, res: Response) => Promise<void> | void;

export interface HostTurns {
  /** Has a handler work on one small call of a host at a time. @throws RateLimitedError if a request's turn does not come. */
  calls: (handler: Handler) => RequestHandler;
  /** The same for snapshots. */
  snapshots: (handler: Handler) => RequestHandler;
}

/**
 * Works on two requests of one host at a time at most: one snapshot, and one small call beside it, so that a heartbeat
 * never stands behind a snapshot. They would wait for each other's lock on the host in any case, with a connection to the
 * database each. A request that waits for its turn has not been read, and leaves its place to others.
 */
export function createHostTurns(): HostTurns {
  const line = () => {
    const turns = createKeyedSemaphore({ permits: 1, waitingMax: WAITING_MAX, waitMsMax: WAIT_MS_MAX });
    return (handler: Handler): RequestHandler =>
      async (req, res) => {
        const { hostId } = agentOf(res);
        const turn = turns.acquire(hostId);
        if (turn !== true) {
          res.locals.work?.leave();
          if (!(await turn)) throw new RateLimitedError('Other requests of this host are still worked on.', 1_000);
        }
        try {
          await res.locals.work?.enter();
          await handler(req, res);
        } finally {
          turns.release(hostId);
        }
      };
  };
  return { calls: line(), snapshots: line() };
}
