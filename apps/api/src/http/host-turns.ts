import type { Request, RequestHandler, Response } from 'express';
import { agentOf } from './auth.js';
import { createTurns } from './take-turns.js';

/** How many of a host's requests may wait for its turn in each line, and for how many milliseconds. */
const LINE = { waitingMax: 8, waitMsMax: 2_000 };

type Handler = (req: Request, res: Response) => Promise<void> | void;

export interface HostTurns {
  /** Has a handler work on one small call of a host at a time. @throws RateLimitedError if a request's turn does not come. */
  calls: (handler: Handler) => RequestHandler;
  /** The same for snapshots. */
  snapshots: (handler: Handler) => RequestHandler;
}

/**
 * Works on two requests of one host at a time at most: one snapshot, and one small call beside it, so that a heartbeat
 * never stands behind a snapshot. They would wait for each other's lock on the host in any case. A request that waits for
 * its turn has not been read.
 */
export function createHostTurns(): HostTurns {
  const line = () => {
    const takeTurn = createTurns('host', LINE);
    return (handler: Handler): RequestHandler =>
      (req, res) =>
        takeTurn(res, agentOf(res).hostId, () => handler(req, res));
  };
  return { calls: line(), snapshots: line() };
}
