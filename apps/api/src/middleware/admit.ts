import { Paths } from '@muster/contracts';
import type { RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { createAllowance, type Allowance } from '../services/allowance.js';
import { RequestAbortedError } from './request-aborted.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- Express's own way of typing what a middleware leaves
  namespace Express {
    interface Locals {
      work?: Work;
    }
  }
}

export interface AdmissionOptions {
  /** Requests to the API that are worked on at once. */
  requestsInWorkMax?: number;
  /** Requests that may wait for each one that is worked on. */
  waitingForEachMax?: number;
  /** Bytes of bodies, as sent and decompressed, that are held in memory at once. */
  bodyBytesInWorkMax?: number;
}

/** Milliseconds that a request may wait for its turn: what an agent or a person would wait before asking again. */
const WAIT_MS_MAX = 2_000;

/** Milliseconds between two log lines about those that were turned away. */
const TELL_INTERVAL_MS = 5_000;

/**
 * What each kind of call has for itself, so that none can take it from another: a host must not look dead because
 * others send large snapshots, nor an operator be locked out by a fleet that comes back all at once.
 */
const SHARES = {
  /** Heartbeats, enrolments and rotations: small, quick, and what a host's life is judged by. */
  calls: { requests: 1 / 2, bytes: 1 / 8 },
  snapshots: { requests: 3 / 8, bytes: 3 / 4 },
  operators: { requests: 1 / 8, bytes: 1 / 8 },
};
type Kind = keyof typeof SHARES;

const AGENT_CALLS: ReadonlySet<string> = new Set([Paths.agentHeartbeat, Paths.agentEnroll, Paths.agentToken]);

/** The kind of call that a path is for, as the router compares paths; null for what costs no query and no memory. */
function kindOf(path: string): Kind | null {
  const name = path.toLowerCase().replace(/\/$/, '');
  if (name === Paths.agentContainers) return 'snapshots';
  if (AGENT_CALLS.has(name)) return 'calls';
  return name.startsWith('/api/') ? 'operators' : null;
}

/** A request's part of what there is. */
class Work {
  #isIn = false;
  #isOver = false;
  #bytesHeld = 0;

  constructor(
    private readonly requests: Allowance,
    private readonly bytes: Allowance,
    /** Whether its client is still there. */
    private readonly isWanted: () => boolean,
  ) {}

  /**
   * Takes up work, from the `first` line if it was let in before.
   * @throws OverloadedError if its turn does not come, RequestAbortedError if its client has gone meanwhile.
   */
  enter(line?: 'first'): Promise<void> | undefined {
    return this.#take(this.requests, 1, line, () => (this.#isIn = true));
  }

  /** Makes room for others, while it waits for what is not ours to hurry: a body, or the next event of a stream. */
  leave(): void {
    if (!this.#isIn) return;
    this.#isIn = false;
    this.requests.give(1);
  }

  /** Sets bytes aside until the request is over. @throws as `enter` does. */
  hold(bytes: number, line?: 'first'): Promise<void> | undefined {
    return this.#take(this.bytes, bytes, line, () => (this.#bytesHeld += bytes));
  }

  /** Gives back what was held and is not needed. */
  release(bytes: number): void {
    this.#bytesHeld -= bytes;
    this.bytes.give(bytes);
  }

  /** Gives everything back. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.leave();
    this.release(this.#bytesHeld);
  }

  #take(from: Allowance, amount: number, line: 'first' | undefined, note: () => void): Promise<void> | undefined {
    const turn = from.take(amount, line);
    if (turn === undefined) {
      note();
      return undefined;
    }
    return turn.then(() => {
      if (!this.#isOver && this.isWanted()) {
        note();
        return;
      }
      from.give(amount);
      throw new RequestAbortedError();
    });
  }
}

/** The two places at which a request meets the bounds. */
export interface Admission {
  /** Whether a request for this path would find no place even to wait; it is counted as turned away then. */
  turnsAway: (path: string) => boolean;
  /** Takes up work, or waits for its turn. @throws OverloadedError for what cannot be taken in time. */
  admit: RequestHandler;
}

/**
 * Bounds what is worked on at once, and what is kept of bodies, before anything is read or asked of the database; so
 * it bounds the queue for the database's connections, too. Balancers' questions and files are always answered.
 *
 * Many may wait, for waiting costs next to nothing and to be refused costs a good part of a small call: who is refused
 * at once asks at once again, until there is time for nothing but refusals.
 */
export function createAdmission(
  { requestsInWorkMax = 256, waitingForEachMax = 16, bodyBytesInWorkMax = 64 * 1024 * 1024 }: AdmissionOptions,
  { logger, elapsedMs }: { logger: Logger; elapsedMs: () => number },
): Admission {
  let turnedAway = 0;
  let toldAtMs = -Infinity;
  const noteTurnedAway = () => {
    turnedAway += 1;
    if (elapsedMs() - toldAtMs < TELL_INTERVAL_MS) return;
    logger.warn({ turnedAway }, 'more requests than can be worked on');
    toldAtMs = elapsedMs();
    turnedAway = 0;
  };

  const gateOf = ({ requests, bytes }: { requests: number; bytes: number }) => {
    const inWorkMax = Math.max(1, Math.floor(requestsInWorkMax * requests));
    const waits = { waitingMax: inWorkMax * waitingForEachMax, waitMsMax: WAIT_MS_MAX, onRefusal: noteTurnedAway };
    return {
      requests: createAllowance({ capacity: inWorkMax, ...waits }),
      bytes: createAllowance({ capacity: Math.floor(bodyBytesInWorkMax * bytes), ...waits }),
    };
  };
  const gates = {
    calls: gateOf(SHARES.calls),
    snapshots: gateOf(SHARES.snapshots),
    operators: gateOf(SHARES.operators),
  } satisfies Record<Kind, object>;

  return {
    turnsAway(path) {
      const kind = kindOf(path);
      if (kind === null || !gates[kind].requests.isExhausted()) return false;
      noteTurnedAway();
      return true;
    },

    admit(req, res, next) {
      const kind = kindOf(req.path);
      if (kind === null) {
        next();
        return;
      }
      const work = new Work(gates[kind].requests, gates[kind].bytes, () => !res.closed);
      res.locals.work = work;
      endWithAnswer(res, work);
      const turn = work.enter();
      if (turn === undefined) next();
      else turn.then(() => next(), next);
    },
  };
}

/**
 * Ends the work when its answer is given or given up, not when the connection closes: a client that goes away ends no
 * query. One that goes away while nothing was begun for it is not waited for.
 */
function endWithAnswer(res: Response, work: Work): void {
  const end = res.end.bind(res) as (...args: unknown[]) => Response;
  res.end = ((...args: unknown[]) => {
    work.end();
    return end(...args);
  }) as typeof res.end;
  const destroy = res.destroy.bind(res);
  res.destroy = (error) => {
    work.end();
    return destroy(error);
  };
}
