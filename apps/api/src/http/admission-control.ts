import {
  BODY_BYTES_MAX,
  Operations,
  Paths,
  PROBLEM_MEDIA_TYPE,
  SNAPSHOT_BODY_BYTES_MAX,
  type Operation,
  type Problem,
} from '@muster/contracts';
import type { Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { IncomingMessage, ServerResponse, type RequestListener } from 'node:http';
import { Socket } from 'node:net';
import type { Logger } from 'pino';
import { seldom } from '../lib/log-throttle.js';
import { OverloadedError } from '../errors.js';
import { createByteBudget } from '../lib/byte-budget.js';
import { createBodyTransfers } from './body-transfers.js';
import { endAfterRequest } from './end-after-request.js';
import { isAwaitingContinue } from './expect-continue.js';
import { NO_STORE, PROBLEMS, spreadSeconds } from './problem.js';
import { securityHeaders } from './security-headers.js';
import { Work } from './request-slot.js';
import { createAllowance } from '../lib/semaphore.js';
import type { Metrics } from '../services/metrics/metrics.js';

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

/** Milliseconds that a body may wait for memory. It is longer, because those who hold it too slowly are given up first. */
const BYTES_WAIT_MS_MAX = 5_000;

/** Milliseconds between two log lines about those that were turned away. */
const TELL_INTERVAL_MS = 5_000;

/**
 * What each kind of call has for itself, so that none can take it from another: a host must not look dead because
 * others send large snapshots, nor an operator be locked out by a fleet that comes back all at once, nor anybody by
 * callers without credentials. `bodyBytesMax`: of one body, as sent and decompressed.
 */
const SHARES = {
  /** Heartbeats, enrolments and rotations: small, quick, and what a host's life is judged by. */
  calls: { requests: 1 / 2, bytes: 1 / 8, bodyBytesMax: BODY_BYTES_MAX },
  snapshots: { requests: 5 / 16, bytes: 3 / 4, bodyBytesMax: SNAPSHOT_BODY_BYTES_MAX },
  operators: { requests: 1 / 8, bytes: 1 / 16, bodyBytesMax: BODY_BYTES_MAX },
  /** Calls that are for anybody, and calls without credentials. */
  anonymous: { requests: 1 / 16, bytes: 1 / 32, bodyBytesMax: BODY_BYTES_MAX },
  /** The dashboard's files, the agent's release, and paths at which there is nothing: they need no database. */
  files: { requests: 1 / 4, bytes: 1 / 32, bodyBytesMax: BODY_BYTES_MAX },
};
type Kind = keyof typeof SHARES;

/** Bytes that a request costs beside its body's. */
const REQUEST_BYTES = 2_048;

const AGENT_CALLS: ReadonlySet<string> = new Set([Paths.agentHeartbeat, Paths.agentEnroll, Paths.agentToken]);
const UNBOUNDED: ReadonlySet<string> = new Set([Paths.health, Paths.ready, Paths.metrics]);
const CALLS_OF_ANYBODY: ReadonlySet<string> = new Set(
  Object.values<Operation>(Operations)
    .filter(({ access }) => access === 'anybody')
    .map(({ method, path }) => `${method} ${path}`),
);

/** The kind of call that a request is; null for balancers' questions, which are always answered. */
function kindOf({ method = '', url = '', headers }: IncomingMessage): Kind | null {
  const name = pathOf(url);
  if (name === Paths.agentContainers) return 'snapshots';
  if (AGENT_CALLS.has(name)) return 'calls';
  if (UNBOUNDED.has(name)) return null;
  if (!name.startsWith('/api/')) return 'files';
  // Whatever its headers say, such a call's body is read before anything is known of the caller.
  const isAnonymous = headers.authorization === undefined && headers.cookie === undefined;
  return isAnonymous || CALLS_OF_ANYBODY.has(`${method} ${name}`) ? 'anonymous' : 'operators';
}

/** A target that is its path and perhaps a query: all that well-behaved clients send. */
const PLAIN_TARGET = /^\/[\x21\x22\x24-\x5b\x5d-\x7e]*$/;

/** What a whole address begins with (RFC 9112, 3.2.2). */
const ORIGIN = /^[a-z][a-z0-9+.-]*:[/\\]{2}[^/\\?#]*/i;

/** The path of a request's target as the router compares it, in lower case; '' for one without a path. */
function pathOf(target: string): string {
  const local = PLAIN_TARGET.test(target)
    ? target
    : target.replace(ORIGIN, '').replace(/#.*/, '').replaceAll('\\', '/');
  const query = local.indexOf('?');
  return (query === -1 ? local : local.slice(0, query)).trim().toLowerCase().replace(/\/$/, '');
}

/**
 * Bounds what is worked on at once, and what is kept of bodies, before anything is read or asked of the database; so
 * it bounds the queue for the database's connections, too. Balancers' questions are always answered.
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

  const transfers = createBodyTransfers();
  const gateOf = (kind: Kind) => {
    const { requests, bytes, bodyBytesMax } = SHARES[kind];
    const inWorkMax = Math.max(1, Math.floor(requestsInWorkMax * requests));
    const waits = { waitingMax: inWorkMax * waitingForEachMax, waitMsMax: WAIT_MS_MAX, onRefusal: noteTurnedAway };
    const capacity = Math.floor(bodyBytesInWorkMax * bytes);
    const holderBytesMax = REQUEST_BYTES + 2 * bodyBytesMax;
    return {
      requests: createAllowance({ capacity: inWorkMax, ...waits }),
      bytes: createByteBudget({ capacity, holderBytesMax, waitMsMax: BYTES_WAIT_MS_MAX, onRefusal: noteTurnedAway }),
      holderBytesMax,
      isAnonymous: kind === 'anonymous' || kind === 'files',
    };
  };
  const gates = {
    calls: gateOf('calls'),
    snapshots: gateOf('snapshots'),
    operators: gateOf('operators'),
    anonymous: gateOf('anonymous'),
    files: gateOf('files'),
  } satisfies Record<Kind, object>;

  const refuse = refusals(publicUrl, isDraining);

  /** Its turn has come, or was to be had at once. */
  function begin(gate: (typeof gates)[Kind], req: IncomingMessage, res: ServerResponse, at: number) {
    const { requests, bytes, holderBytesMax, isAnonymous } = gate;
    const isWanted = () => !res.closed;
    const work = new Work({ requests, bytes: bytes.holder(holderBytesMax), transfers, isAnonymous, isWanted });
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
  return (req, res) => {
    const requestId = randomUUID();
    const body = before + requestId + after;
    const own = [spreadSeconds(), 'X-Request-Id', requestId, 'Content-Length', String(body.length)];
    const closes = isDraining() || isAwaitingContinue(req);
    if (closes) own.push('Connection', 'close');
    res.writeHead(facts.status, [...headers, ...own]);
    if (closes || !res.shouldKeepAlive) endAfterRequest(res, body, true);
    else res.end(body, 'latin1');
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
