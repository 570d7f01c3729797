import { Paths, PROBLEM_MEDIA_TYPE, type Problem } from '@muster/contracts';
import type { Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { IncomingMessage, ServerResponse, type RequestListener } from 'node:http';
import { Socket } from 'node:net';
import type { Logger } from 'pino';
import { seldom } from '../domain/seldom.js';
import { OverloadedError } from '../errors.js';
import { NO_STORE, PROBLEMS, spreadSeconds } from '../middleware/problem.js';
import { securityHeaders } from '../middleware/security-headers.js';
import { Work } from '../middleware/work.js';
import { createAllowance } from '../services/allowance.js';
import type { Metrics } from '../services/metrics.js';

export interface AdmissionOptions {
  /** Requests to the API that are worked on at once. */
  requestsInWorkMax?: number;
  /** Requests that may wait for each one that is worked on. */
  waitingForEachMax?: number;
  /** Bytes of bodies, as sent and decompressed, that are held in memory at once. */
  bodyBytesInWorkMax?: number;
}

export interface AdmissionParts {
  logger: Logger;
  metrics: Pick<Metrics, 'noteRequest'>;
  /** As `createApp` is given it. */
  publicUrl: string;
  isDraining: () => boolean;
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

/**
 * The kind of call that a request's target is for, as the router compares paths; null for what costs no query and no
 * memory. A target that is a whole address (RFC 9112, 3.2.2) is routed by its path, too, and never counts as that.
 */
function kindOf({ url = '' }: IncomingMessage): Kind | null {
  if (!url.startsWith('/')) return 'operators';
  const query = url.indexOf('?');
  const name = (query === -1 ? url : url.slice(0, query)).toLowerCase().replace(/\/$/, '');
  if (name === Paths.agentContainers) return 'snapshots';
  if (AGENT_CALLS.has(name)) return 'calls';
  return name.startsWith('/api/') ? 'operators' : null;
}

/**
 * Bounds what is worked on at once, and what is kept of bodies, before anything is read or asked of the database; so
 * it bounds the queue for the database's connections, too. Balancers' questions and files are always answered.
 *
 * Many may wait, for waiting costs next to nothing and a refusal costs a part of a small call: who is refused at once
 * asks at once again. All of it is done before `app` has touched a request. In an overload most are refused, what that
 * costs is taken from those that are answered, and Express alone costs more than all the rest of a refusal. The answer
 * is the one that an `OverloadedError` has there.
 */
export function admitTo(
  app: RequestListener,
  { requestsInWorkMax = 256, waitingForEachMax = 10, bodyBytesInWorkMax = 64 * 1024 * 1024 }: AdmissionOptions,
  { logger, metrics, publicUrl, isDraining }: AdmissionParts,
): RequestListener {
  const tell = seldom(TELL_INTERVAL_MS, () => performance.now());
  const noteTurnedAway = () => {
    tell((turnedAway) => logger.warn({ turnedAway }, 'more requests than can be worked on'));
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

  const refuse = refusals(publicUrl, isDraining);

  /** Its turn has come, or was to be had at once. */
  function begin({ requests, bytes }: (typeof gates)[Kind], req: IncomingMessage, res: ServerResponse, at: number) {
    const work = new Work(requests, bytes, () => !res.closed);
    endWithAnswer(res, work);
    // Where Express keeps what is known of a request: it makes none where there is one.
    (res as Response).locals = Object.assign(Object.create(null) as object, {
      work,
      receivedAt: at,
    }) as Response['locals'];
    app(req, res);
  }

  return (req, res) => {
    const kind = kindOf(req);
    if (kind === null) {
      app(req, res);
      return;
    }
    const gate = gates[kind];
    const receivedAt = performance.now();
    const answer = (isTaken: boolean) => {
      if (isTaken && res.closed) gate.requests.give(1);
      else if (isTaken) begin(gate, req, res, receivedAt);
      else if (!res.closed) {
        refuse(req, res);
        metrics.noteRequest({ method: req.method ?? '', route: null, status: res.statusCode, seconds: null });
      }
    };
    const turn = gate.requests.take(1);
    if (typeof turn === 'boolean') answer(turn);
    else void turn.then(answer);
  };
}

/** Answers as an `OverloadedError` is answered, of what was prepared but for an id and the time to come again. */
function refusals(publicUrl: string, isDraining: () => boolean): RequestListener {
  const { code, message: detail } = new OverloadedError();
  const facts = { ...PROBLEMS[code], detail };
  // A UUID needs no escape in JSON, so that the text around it is always the same; and it is ASCII, its length in bytes.
  const [before = '', after = ''] = JSON.stringify({ ...facts, requestId: '{id}' } satisfies Problem).split('{id}');
  const headers = [
    ...securityHeadersOf(publicUrl),
    ...['Cache-Control', NO_STORE, 'Content-Type', PROBLEM_MEDIA_TYPE, 'Retry-After'],
  ];
  return (_req, res) => {
    const requestId = randomUUID();
    const body = before + requestId + after;
    const own = [spreadSeconds(), 'X-Request-Id', requestId, 'Content-Length', String(body.length)];
    if (isDraining()) own.push('Connection', 'close');
    res.writeHead(facts.status, [...headers, ...own]).end(body, 'latin1');
  };
}

/** The security headers of every answer, as names and values in turn. */
function securityHeadersOf(publicUrl: string): string[] {
  const sample = new ServerResponse(new IncomingMessage(new Socket()));
  const set = securityHeaders({ https: publicUrl.startsWith('https:') });
  set(sample.req as Request, sample as Response, () => undefined);
  return Object.entries(sample.getHeaders()).flatMap(([name, value]) => [name, String(value)]);
}

/**
 * Ends the work when its answer is given or given up, not when the connection closes: a client that goes away ends no
 * query. One that goes away while nothing was begun for it is not waited for.
 */
function endWithAnswer(res: ServerResponse, work: Work): void {
  const end = res.end.bind(res) as (...args: unknown[]) => ServerResponse;
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
