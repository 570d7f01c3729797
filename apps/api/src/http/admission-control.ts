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
import { logThrottle } from '../lib/log-throttle.js';
import { OverloadedError } from '../errors.js';
import { createByteBudget } from '../lib/byte-budget.js';
import { createBodyTransfers } from './body-transfers.js';
import { endAfterRequest } from './end-after-request.js';
import { isAwaitingContinue } from './expect-continue.js';
import { NO_STORE, PROBLEMS, randomRetryAfter } from './problem.js';
import { securityHeaders } from './security-headers.js';
import { REQUEST_BYTES } from './receive-bytes.js';
import { RequestSlot } from './request-slot.js';
import { createSemaphore } from '../lib/semaphore.js';
import type { Metrics } from '../services/metrics/index.js';

export interface AdmissionOptions {
  /** Maximum number of concurrent requests to the API. */
  requestsInWorkMax?: number;
  /** Maximum number of waiting requests, as a multiple of the maximum number of concurrent requests. */
  waitingPerRequestMax?: number;
  /**
   * Maximum number of bytes that all request bodies together may occupy at a time. Both the compressed and the
   * decompressed bytes of a body count.
   */
  bodyBytesInWorkMax?: number;
  /** Maximum milliseconds that a new request waits for a slot. All other waits are at least as long. */
  waitMsMax?: number;
}

export interface AdmissionDependencies {
  logger: Logger;
  metrics: Pick<Metrics, 'recordRequest'>;
  /** The URL at which agents and browsers reach this API, as in `createApp`. */
  publicUrl: string;
  isDraining: () => boolean;
}

/** The default of `waitMsMax`. A longer wait is useless, because agents and people retry after about this time. */
const WAIT_MS_MAX = 2_000;

/**
 * Maximum milliseconds that a request waits for a slot after its body has arrived. This limit exceeds `WAIT_MS_MAX`,
 * because a client that is refused at this point must send its body again. The sum of `WAIT_MS_MAX`,
 * `BYTES_WAIT_MS_MAX` and this limit is below the agent's timeout of 20 seconds.
 */
const PROCESSING_WAIT_MS_MAX = 12_000;

/**
 * The share of the slots that requests may hold after their bodies have arrived. The other slots are reserved for new
 * requests. Agents can therefore be authenticated even while many requests with complete bodies wait for the database.
 */
const PROCESSING_SHARE = 3 / 4;

/**
 * Maximum milliseconds that a body waits for memory. This limit exceeds `WAIT_MS_MAX`, because it can take seconds
 * until slow bodies are aborted and their memory becomes free.
 */
const BYTES_WAIT_MS_MAX = 5_000;

/** Minimum milliseconds between two log lines about refused requests. */
const LOG_INTERVAL_MS = 5_000;

/**
 * Each kind of call has its own share of the limits, so that no kind can starve another. Large snapshots must not make
 * other hosts look dead. A whole fleet that reconnects must not lock out operators. Callers without credentials must
 * not lock out anyone. `bodyBytesMax` limits the size of one body, before and after decompression.
 */
const LIMIT_SHARES = {
  /**
   * Heartbeats, enrollments and token rotations. These calls are small and fast, and they determine whether a host
   * looks alive.
   */
  calls: { requests: 1 / 2, bytes: 1 / 8, bodyBytesMax: BODY_BYTES_MAX },
  snapshots: { requests: 5 / 16, bytes: 3 / 4, bodyBytesMax: SNAPSHOT_BODY_BYTES_MAX },
  operators: { requests: 1 / 8, bytes: 1 / 16, bodyBytesMax: BODY_BYTES_MAX },
  /** Calls of operations that require no credentials, and all calls without credentials. */
  anonymous: { requests: 1 / 16, bytes: 1 / 32, bodyBytesMax: BODY_BYTES_MAX },
  /** The dashboard's files, the agent's release and unknown paths, which need no database. */
  files: { requests: 1 / 4, bytes: 1 / 32, bodyBytesMax: BODY_BYTES_MAX },
};
type RequestClass = keyof typeof LIMIT_SHARES;

const operations = Object.values<Operation>(Operations);
const AGENT_PATHS: ReadonlySet<string> = new Set(
  operations.filter(({ access }) => access === 'agent' || access === 'enroll').map(({ path }) => path),
);
const UNLIMITED_PATHS: ReadonlySet<string> = new Set([Paths.health, Paths.ready, Paths.metrics]);
const UNAUTHENTICATED_CALLS: ReadonlySet<string> = new Set(
  operations.filter(({ access }) => access === 'public').map(({ method, path }) => `${method} ${path}`),
);

/** Returns the kind of call; null for health checks and metrics, which are never refused. */
function classifyRequest({ method = '', url = '', headers }: IncomingMessage): RequestClass | null {
  const name = pathOf(url);
  if (name === Paths.agentContainers) return 'snapshots';
  if (AGENT_PATHS.has(name)) return 'calls';
  if (UNLIMITED_PATHS.has(name)) return null;
  if (!name.startsWith('/api/')) return 'files';
  // The body of a call that requires no credentials is read before any credentials are checked.
  const isAnonymous = headers.authorization === undefined && headers.cookie === undefined;
  return isAnonymous || UNAUTHENTICATED_CALLS.has(`${method} ${name}`) ? 'anonymous' : 'operators';
}

/** Matches a target that consists of a path and an optional query, as well-behaved clients send it. */
const PLAIN_TARGET_PATTERN = /^\/[\x21\x22\x24-\x5b\x5d-\x7e]*$/;

/** Matches the scheme and authority of an absolute-form target (RFC 9112, 3.2.2). */
const ORIGIN_PATTERN = /^[a-z][a-z0-9+.-]*:[/\\]{2}[^/\\?#]*/i;

/**
 * Returns the path of a request target, or '' if the target has no path. The path is in lower case, because the router
 * ignores case.
 */
function pathOf(target: string): string {
  const local = PLAIN_TARGET_PATTERN.test(target)
    ? target
    : target.replace(ORIGIN_PATTERN, '').replace(/#.*/, '').replaceAll('\\', '/');
  const query = local.indexOf('?');
  return (query === -1 ? local : local.slice(0, query)).trim().toLowerCase().replace(/\/$/, '');
}

/**
 * Limits the number of concurrent requests and the memory for bodies, before a body is read or the database is queried.
 * These limits also bound the queue for database connections. Health checks are never refused.
 *
 * Many requests may wait, because waiting costs almost nothing. A refusal costs a notable part of the CPU time of a
 * small call, and makes the client retry. Under overload, most requests are refused, and each refusal takes CPU time
 * from the accepted requests. Refusals therefore bypass `app`, because Express alone costs more than the rest of a
 * refusal. The response is the same as the one that `app` sends for an `OverloadedError`.
 */
export function createAdmissionControl(
  app: RequestListener,
  options: AdmissionOptions,
  { logger, metrics, publicUrl, isDraining }: AdmissionDependencies,
): RequestListener {
  const { requestsInWorkMax = 256, waitingPerRequestMax = 10, bodyBytesInWorkMax = 64 * 1024 * 1024 } = options;
  const { waitMsMax = WAIT_MS_MAX } = options;
  const throttled = logThrottle(LOG_INTERVAL_MS, () => performance.now());
  const logRefusal = () => {
    throttled((refused) => logger.warn({ refused }, 'overloaded: refused requests'));
  };

  const transfers = createBodyTransfers();
  const createClassLimits = (kind: RequestClass) => {
    const { requests, bytes, bodyBytesMax } = LIMIT_SHARES[kind];
    const inWorkMax = Math.max(1, Math.floor(requestsInWorkMax * requests));
    const capacity = Math.floor(bodyBytesInWorkMax * bytes);
    const admittedRequestBytesMax = REQUEST_BYTES + 2 * bodyBytesMax;
    return {
      requests: createSemaphore({
        capacity: inWorkMax,
        waitingMax: inWorkMax * waitingPerRequestMax,
        waitMsMax,
        highMax: Math.max(1, Math.floor(inWorkMax * PROCESSING_SHARE)),
        highWaitMsMax: Math.max(waitMsMax, PROCESSING_WAIT_MS_MAX),
        onRefusal: logRefusal,
      }),
      bytes: createByteBudget({
        capacity,
        holderBytesMax: admittedRequestBytesMax,
        waitMsMax: Math.max(waitMsMax, BYTES_WAIT_MS_MAX),
        onRefusal: logRefusal,
      }),
      admittedRequestBytesMax,
      isAnonymous: kind === 'anonymous' || kind === 'files',
    };
  };
  const limitsByClass = {
    calls: createClassLimits('calls'),
    snapshots: createClassLimits('snapshots'),
    operators: createClassLimits('operators'),
    anonymous: createClassLimits('anonymous'),
    files: createClassLimits('files'),
  } satisfies Record<RequestClass, object>;

  const refuse = createRefusalListener(publicUrl, isDraining);

  /** Calls `app` with a request that has acquired a slot. */
  function callApp(
    classLimits: (typeof limitsByClass)[RequestClass],
    req: IncomingMessage,
    res: ServerResponse,
    at: number,
  ) {
    const { requests, bytes, admittedRequestBytesMax, isAnonymous } = classLimits;
    const isClientConnected = () => !res.closed;
    const slot = new RequestSlot({
      requests,
      bytes: bytes.createHolder(admittedRequestBytesMax),
      transfers,
      isAnonymous,
      isClientConnected,
    });
    endSlotWithResponse(res, slot);
    // Express uses an existing `locals` object instead of creating one.
    (res as Response).locals = Object.assign(Object.create(null) as object, {
      slot,
      receivedAt: at,
    }) as Response['locals'];
    app(req, res);
  }

  return (req, res) => {
    const kind = classifyRequest(req);
    if (kind === null) {
      app(req, res);
      return;
    }
    const classLimits = limitsByClass[kind];
    const receivedAt = performance.now();
    const proceed = (isAcquired: boolean) => {
      if (isAcquired && res.closed) classLimits.requests.release(1);
      else if (isAcquired) callApp(classLimits, req, res, receivedAt);
      else if (!res.closed) {
        refuse(req, res);
        metrics.recordRequest({ method: req.method ?? '', route: null, status: res.statusCode, seconds: null });
      }
    };
    const permit = classLimits.requests.acquire(1);
    if (typeof permit === 'boolean') proceed(permit);
    else void permit.then(proceed);
  };
}

/**
 * Returns a listener that responds to every request as `app` responds to an `OverloadedError`. Prepares the response
 * once, except for the request id, Retry-After and Connection.
 */
function createRefusalListener(publicUrl: string, isDraining: () => boolean): RequestListener {
  const { code, message: detail } = new OverloadedError();
  const facts = { ...PROBLEMS[code], detail };
  // A UUID is ASCII and needs no escaping in JSON. The text before and after the UUID is therefore constant, and the
  // body has as many bytes as characters.
  const [before = '', after = ''] = JSON.stringify({ ...facts, requestId: '{id}' } satisfies Problem).split('{id}');
  const headers = [
    ...securityHeadersOf(publicUrl),
    'Cache-Control',
    NO_STORE,
    'Content-Type',
    PROBLEM_MEDIA_TYPE,
    'Retry-After',
  ];
  return (req, res) => {
    const requestId = randomUUID();
    const body = before + requestId + after;
    const variableHeaders = [randomRetryAfter(), 'X-Request-Id', requestId, 'Content-Length', String(body.length)];
    const closes = isDraining() || isAwaitingContinue(req);
    if (closes) variableHeaders.push('Connection', 'close');
    res.writeHead(facts.status, [...headers, ...variableHeaders]);
    if (closes || !res.shouldKeepAlive) endAfterRequest(res, body, true);
    else res.end(body, 'latin1');
  };
}

/** Returns the security headers of every response, as alternating names and values. */
function securityHeadersOf(publicUrl: string): string[] {
  const sample = new ServerResponse(new IncomingMessage(new Socket()));
  const set = securityHeaders({ isHttps: publicUrl.startsWith('https:') });
  set(sample.req as Request, sample as Response, () => undefined);
  return Object.entries(sample.getHeaders()).flatMap(([name, value]) => [name, String(value)]);
}

/**
 * Releases the slot when the response is sent or abandoned. Does not release the slot when the client disconnects,
 * because the client's query may still be running.
 */
function endSlotWithResponse(res: ServerResponse, slot: RequestSlot): void {
  const end = res.end.bind(res) as (...args: unknown[]) => ServerResponse;
  res.end = ((...args: unknown[]) => {
    slot.end();
    return end(...args);
  }) as typeof res.end;
  const destroy = res.destroy.bind(res);
  res.destroy = (error) => {
    slot.end();
    return destroy(error);
  };
}
