import type { Request, RequestHandler, Response } from 'express';
import { agentOf } from './auth.js';
import { createKeyedMutex } from './keyed-mutex.js';

/** Requests of a host that may wait in each queue, and the milliseconds that each may wait. */
const QUEUE_LIMITS = { waitingMax: 8, waitMsMax: 2_000 };

type Handler = (req: Request, res: Response) => Promise<void> | void;

export interface HostQueues {
  /** Runs a handler for one small call of a host at a time. @throws RateLimitedError if the wait times out. */
  calls: (handler: Handler) => RequestHandler;
  /** Does the same for snapshots. */
  snapshots: (handler: Handler) => RequestHandler;
}

/**
 * Runs at most two requests of a host at a time: one snapshot and one small call, so that a heartbeat never waits for a
 * snapshot. More would only wait for the host's row lock. The body of a waiting request is not read.
 */
export function createHostQueues(): HostQueues {
  const createQueue = () => {
    const runExclusive = createKeyedMutex('host', QUEUE_LIMITS);
    return (handler: Handler): RequestHandler =>
      (req, res) =>
        runExclusive(res, agentOf(res).hostId, () => handler(req, res));
  };
  return { calls: createQueue(), snapshots: createQueue() };
}
