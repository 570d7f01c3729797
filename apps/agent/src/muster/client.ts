import {
  EnrollResponse,
  HeartbeatResponse,
  Paths,
  Problem,
  SnapshotHeaderNames,
  SyncSummary,
  TokenHolder,
  TokenRotation,
  type EnrollRequest,
  type Heartbeat,
} from '@muster/contracts';
import { z } from 'zod';
import { parseRetryAfter } from '../lib/backoff.js';
import { readText, send } from '../http/exchange.js';
import type { SnapshotPart } from '../reporting/snapshot-parts.js';
import type { ProxySettings } from './proxy.js';
import { createMusterRoute } from './route.js';

/**
 * The result of a call. `retry` means that the call may succeed later (429, 5xx, 408, no connection, a timeout, or a
 * response that is not from Muster); `status` is null if there was no response. `refused` means that the same call will
 * not succeed if it is repeated.
 */
export type Answer<T> =
  | { kind: 'ok'; data: T }
  | { kind: 'retry'; status: number | null; reason: string; retryAfterMs: number | null }
  | { kind: 'refused'; status: number; problemType: string | null; reason: string; retryAfterMs: number | null };

/** The position of a snapshot among the snapshots of its host. */
export interface SnapshotOrder {
  stream: string;
  sequence: number;
  observedAt: Date;
}

/** The agent's calls to Muster's API. All methods throw only on abort, with the signal's reason. */
export interface MusterClient {
  enroll(enrollToken: string, request: EnrollRequest, signal: AbortSignal): Promise<Answer<EnrollResponse>>;
  postSnapshot(
    agentToken: string,
    part: SnapshotPart,
    order: SnapshotOrder,
    signal: AbortSignal,
  ): Promise<Answer<SyncSummary>>;
  heartbeat(
    agentToken: string,
    heartbeat: Heartbeat,
    stream: string,
    signal: AbortSignal,
  ): Promise<Answer<HeartbeatResponse>>;
  /** Resolves with the host that the token belongs to. */
  getTokenHolder(agentToken: string, signal: AbortSignal): Promise<Answer<TokenHolder>>;
  /** Requests a new token. The current token stays valid until the new token is first used. */
  rotate(agentToken: string, signal: AbortSignal): Promise<Answer<TokenRotation>>;
  /** Revokes all tokens of this host. */
  leave(agentToken: string, signal: AbortSignal): Promise<Answer<null>>;
  close(): void;
}

const TIMEOUT_MS_DEFAULT = 20_000;

/** Maximum size of a response, in bytes. Muster's responses are more than a thousand times smaller. */
const ANSWER_BYTES_MAX = 1024 * 1024;

const DIRECT: ProxySettings = { https: null, http: null, noProxy: null };

/**
 * Creates a client of the API at `musterUrl`. The client connects on its first call, keeps the connection open and
 * follows no redirects.
 */
export function createMusterClient(options: {
  musterUrl: string;
  proxy?: ProxySettings;
  timeoutMs?: number;
  wallNow: () => Date;
}): MusterClient {
  const { musterUrl, proxy = DIRECT, timeoutMs = TIMEOUT_MS_DEFAULT, wallNow } = options;
  const url = new URL(musterUrl);
  const base = url.pathname.replace(/\/$/, '');
  const route = createMusterRoute(url, proxy);

  async function callApi<S extends z.ZodType>(call: {
    method?: 'POST' | 'GET' | 'DELETE';
    path: string;
    token: string;
    body?: string | Buffer;
    headers?: Record<string, string>;
    schema: S;
    signal: AbortSignal;
  }): Promise<Answer<z.output<S>>> {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await send(route, {
        path: base + call.path,
        method: call.method ?? 'POST',
        headers: {
          authorization: `Bearer ${call.token}`,
          ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
          accept: 'application/json, application/problem+json',
          ...call.headers,
        },
        ...(call.body === undefined ? {} : { body: call.body }),
        signal: AbortSignal.any([call.signal, timeout]),
      });
      const text = await readText(response, ANSWER_BYTES_MAX);
      const retryAfter = response.headers['retry-after'];
      return toAnswer(call.schema, response.statusCode!, text, () => parseRetryAfter(retryAfter, wallNow().getTime()));
    } catch (error) {
      call.signal.throwIfAborted();
      const reason = timeout.aborted ? `no answer within ${timeoutMs / 1_000} s` : toConnectionFailure(error);
      return { kind: 'retry', status: null, reason: `${musterUrl}: ${reason}`, retryAfterMs: null };
    }
  }

  return {
    enroll: (token, request, signal) =>
      callApi({ path: Paths.agentEnroll, token, body: JSON.stringify(request), schema: EnrollResponse, signal }),
    postSnapshot: (token, part, order, signal) =>
      callApi({
        path: Paths.agentContainers,
        token,
        body: part.snapshot.body,
        headers: snapshotHeaders(part, order),
        schema: SyncSummary,
        signal,
      }),
    heartbeat: (token, heartbeat, stream, signal) =>
      callApi({
        path: Paths.agentHeartbeat,
        token,
        body: JSON.stringify(heartbeat),
        headers: { [SnapshotHeaderNames.stream]: stream },
        schema: HeartbeatResponse,
        signal,
      }),
    getTokenHolder: (token, signal) =>
      callApi({ method: 'GET', path: Paths.agentToken, token, schema: TokenHolder, signal }),
    rotate: (token, signal) => callApi({ path: Paths.agentToken, token, schema: TokenRotation, signal }),
    leave: (token, signal) => callApi({ method: 'DELETE', path: Paths.agentToken, token, schema: z.null(), signal }),
    close: () => route.close(),
  };
}

const snapshotHeaders = (
  { snapshot: { encoding }, isComplete, removedIds }: SnapshotPart,
  { stream, sequence, observedAt }: SnapshotOrder,
): Record<string, string> => ({
  ...(encoding === null ? {} : { 'content-encoding': encoding }),
  [SnapshotHeaderNames.complete]: String(isComplete),
  ...(removedIds.length === 0 ? {} : { [SnapshotHeaderNames.gone]: removedIds.join(',') }),
  [SnapshotHeaderNames.stream]: stream,
  [SnapshotHeaderNames.sequence]: String(sequence),
  [SnapshotHeaderNames.observedAt]: observedAt.toISOString(),
});

/** Converts a response to an answer. If the response is not from Muster, only its status is used. */
function toAnswer<S extends z.ZodType>(
  schema: S,
  status: number,
  text: string,
  retryAfterMs: () => number | null,
): Answer<z.output<S>> {
  const body = parseJson(text);
  if (status >= 200 && status < 300) {
    const parsed = schema.safeParse(body);
    if (parsed.success) return { kind: 'ok', data: parsed.data };
    return { kind: 'retry', status, reason: `answered ${status} with a body that is not Muster’s`, retryAfterMs: null };
  }
  const problem = Problem.safeParse(body);
  const reason = problem.success ? describeProblem(problem.data) : `answered ${status}`;
  if (status === 429 || status === 408 || status >= 500) {
    return { kind: 'retry', status, reason, retryAfterMs: retryAfterMs() };
  }
  const problemType = problem.success ? problem.data.type : null;
  return { kind: 'refused', status, problemType, reason, retryAfterMs: retryAfterMs() };
}

const describeProblem = ({ status, title, detail, errors = [], requestId }: Problem): string =>
  [
    `${status} ${title}: ${detail}`,
    ...errors.slice(0, 3).map(({ path, message }) => `${path} ${message}`),
    `(request ${requestId})`,
  ].join(' ');

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Returns the message of the innermost cause. If connections to several addresses failed, Node's error has a code but
 * no message.
 */
function toConnectionFailure(error: unknown): string {
  const { message, code, cause } = error as NodeJS.ErrnoException & { cause?: unknown };
  return cause instanceof Error ? toConnectionFailure(cause) : message || code || 'the connection failed';
}
