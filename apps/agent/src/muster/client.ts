import {
  EnrollResponse,
  HeartbeatResponse,
  Paths,
  Problem,
  SnapshotHeaderNames,
  SyncSummary,
  TokenHolder,
  TokenRotation,
  describeForeignResponse,
  type EnrollRequest,
  type FieldError,
  type Heartbeat,
} from '@muster/contracts';
import { z } from 'zod';
import { parseRetryAfter } from '../lib/backoff.js';
import { readText, send } from '../http/http-request.js';
import type { SnapshotPart } from '../reporting/snapshot-parts.js';
import { connectionSettings, describeFailure, formatDiagnosis } from './connection-failure.js';
import { NO_PROXIES, type ProxySettings } from './proxy.js';
import { createMusterRoute } from './route.js';
import type { TrustSettings } from './trust.js';

/**
 * The result of a call.
 *
 * - `retry`: the call may succeed later, after a 429, a 5xx, a 408, a timeout, no connection, or a response that is not
 *   from Muster. `status` is null if there was no response.
 * - `refused`: the same call will fail again if it is repeated.
 */
export type Answer<T> =
  | { kind: 'ok'; data: T }
  | { kind: 'retry'; status: number | null; reason: string; retryAfterMs: number | null }
  | {
      kind: 'refused';
      status: number;
      /** Null if the response is not from Muster. */
      problemType: string | null;
      /** The invalid fields, if the problem lists them. */
      errors: readonly FieldError[];
      reason: string;
      retryAfterMs: number | null;
    };

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

/** Maximum number of characters that are searched for the title of a response that is not from Muster. */
const TITLE_SEARCH_LENGTH_MAX = 4_096;

/**
 * Creates a client of the API at `musterUrl`. The client connects on its first call, keeps the connection open and
 * follows no redirects.
 * @throws StopError if the certificates that `trust` names cannot be read.
 */
export function createMusterClient(options: {
  musterUrl: string;
  proxy?: ProxySettings;
  trust: TrustSettings;
  timeoutMs?: number;
  wallNow: () => Date;
}): MusterClient {
  const { musterUrl, proxy = NO_PROXIES, trust, timeoutMs = TIMEOUT_MS_DEFAULT, wallNow } = options;
  const url = new URL(musterUrl);
  const base = url.pathname.replace(/\/$/, '');
  const route = createMusterRoute(url, proxy, trust);
  const settings = connectionSettings(url, proxy);

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
      const { 'retry-after': retryAfter, location = null } = response.headers;
      const status = response.statusCode!;
      return toAnswer({
        schema: call.schema,
        status,
        text,
        retryAfterMs: () => parseRetryAfter(retryAfter, wallNow().getTime()),
        foreignReason() {
          const foreign = { path: call.path, status, location, body: text.slice(0, TITLE_SEARCH_LENGTH_MAX) };
          return `${musterUrl}: ${formatDiagnosis(describeForeignResponse(settings, foreign))}`;
        },
      });
    } catch (error) {
      call.signal.throwIfAborted();
      const failure = describeFailure(settings, error, timeout.aborted ? timeoutMs : null);
      return { kind: 'retry', status: null, reason: `${musterUrl}: ${formatDiagnosis(failure)}`, retryAfterMs: null };
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

/**
 * Converts a response to an answer. If the response is not from Muster, only its status is used, and `foreignReason`
 * describes it.
 */
function toAnswer<S extends z.ZodType>({
  schema,
  status,
  text,
  retryAfterMs,
  foreignReason,
}: {
  schema: S;
  status: number;
  text: string;
  retryAfterMs: () => number | null;
  foreignReason: () => string;
}): Answer<z.output<S>> {
  const body = parseJson(text);
  if (status >= 200 && status < 300) {
    const parsed = schema.safeParse(body);
    if (parsed.success) return { kind: 'ok', data: parsed.data };
    return { kind: 'retry', status, reason: foreignReason(), retryAfterMs: null };
  }
  const problem = Problem.safeParse(body);
  const reason = problem.success ? describeProblem(problem.data) : foreignReason();
  if (status === 429 || status === 408 || status >= 500) {
    return { kind: 'retry', status, reason, retryAfterMs: retryAfterMs() };
  }
  const problemType = problem.success ? problem.data.type : null;
  const errors = problem.data?.errors ?? [];
  return { kind: 'refused', status, problemType, errors, reason, retryAfterMs: retryAfterMs() };
}

const describeProblem = ({ status, title, detail, errors = [], requestId }: Problem): string =>
  [
    `${status} ${title}: ${detail}`,
    ...errors.slice(0, 3).map(({ path, message }) => `${path} ${message}`),
    `(request ${requestId})`,
  ].join(' ');

/** Returns what a problem document of Muster says; null if the text is not a problem document. */
export function describeProblemText(text: string): string | null {
  const problem = Problem.safeParse(parseJson(text));
  return problem.success ? describeProblem(problem.data) : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
