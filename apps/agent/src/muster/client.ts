import {
  EnrollResponse,
  HeartbeatResponse,
  Paths,
  Problem,
  SnapshotHeaderNames,
  SyncSummary,
  type EnrollRequest,
  type Heartbeat,
} from '@muster/contracts';
import { Agent } from 'undici';
import type { z } from 'zod';
import { parseRetryAfter } from '../backoff.js';
import type { EncodedSnapshot } from '../encode-snapshot.js';

/**
 * What came of a call. `retry`: it may succeed later (429, 5xx, 408, no connection, no answer in time, an answer that
 * is not Muster's); `refused`: it will not, as it stands.
 */
export type Answer<T> =
  | { kind: 'ok'; data: T }
  | { kind: 'retry'; reason: string; retryAfterMs: number | null }
  | { kind: 'refused'; status: number; problemType: string | null; reason: string };

/** Where a snapshot stands among those of its host. */
export interface SnapshotOrder {
  stream: string;
  sequence: number;
  observedAt: Date;
}

/** The agent's calls of Muster's API. None throws but on abort, with the signal's reason. */
export interface MusterClient {
  enroll(enrollToken: string, request: EnrollRequest, signal: AbortSignal): Promise<Answer<EnrollResponse>>;
  postSnapshot(
    agentToken: string,
    snapshot: EncodedSnapshot,
    order: SnapshotOrder,
    signal: AbortSignal,
  ): Promise<Answer<SyncSummary>>;
  heartbeat(
    agentToken: string,
    heartbeat: Heartbeat,
    stream: string,
    signal: AbortSignal,
  ): Promise<Answer<HeartbeatResponse>>;
  close(): Promise<void>;
}

const TIMEOUT_MS_DEFAULT = 20_000;

/** No answer of Muster's is a thousandth as long. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/** A client of the API at `musterUrl`. Connects lazily, keeps its connection, follows no redirect. */
export function createMusterClient(options: {
  musterUrl: string;
  timeoutMs?: number;
  wallNow: () => Date;
}): MusterClient {
  const { musterUrl, timeoutMs = TIMEOUT_MS_DEFAULT, wallNow } = options;
  const { origin, pathname } = new URL(musterUrl);
  const base = pathname.replace(/\/$/, '');
  const dispatcher = new Agent({ connections: 1, connectTimeout: timeoutMs, maxResponseSize: ANSWER_BYTES_MAX });

  async function post<S extends z.ZodType>(call: {
    path: string;
    token: string;
    body: string | Buffer;
    headers?: Record<string, string>;
    schema: S;
    signal: AbortSignal;
  }): Promise<Answer<z.output<S>>> {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await dispatcher.request({
        origin,
        path: base + call.path,
        method: 'POST',
        headers: {
          authorization: `Bearer ${call.token}`,
          'content-type': 'application/json',
          accept: 'application/json, application/problem+json',
          ...call.headers,
        },
        body: call.body,
        signal: AbortSignal.any([call.signal, timeout]),
      });
      const text = await response.body.text();
      const retryAfter = response.headers['retry-after'];
      return toAnswer(call.schema, response.statusCode, text, () =>
        parseRetryAfter(typeof retryAfter === 'string' ? retryAfter : undefined, wallNow().getTime()),
      );
    } catch (error) {
      call.signal.throwIfAborted();
      const reason = timeout.aborted ? `no answer within ${timeoutMs / 1_000} s` : connectionFailure(error);
      return { kind: 'retry', reason: `${musterUrl}: ${reason}`, retryAfterMs: null };
    }
  }

  return {
    enroll: (token, request, signal) =>
      post({ path: Paths.agentEnroll, token, body: JSON.stringify(request), schema: EnrollResponse, signal }),
    postSnapshot: (token, { body, encoding }, { stream, sequence, observedAt }, signal) =>
      post({
        path: Paths.agentContainers,
        token,
        body,
        headers: {
          ...(encoding === null ? {} : { 'content-encoding': encoding }),
          [SnapshotHeaderNames.stream]: stream,
          [SnapshotHeaderNames.sequence]: String(sequence),
          [SnapshotHeaderNames.observedAt]: observedAt.toISOString(),
          [SnapshotHeaderNames.complete]: 'true',
        },
        schema: SyncSummary,
        signal,
      }),
    heartbeat: (token, heartbeat, stream, signal) =>
      post({
        path: Paths.agentHeartbeat,
        token,
        body: JSON.stringify(heartbeat),
        headers: { [SnapshotHeaderNames.stream]: stream },
        schema: HeartbeatResponse,
        signal,
      }),
    close: () => dispatcher.destroy(),
  };
}

/** What an answer means, by its status alone where its body is not Muster's. */
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
    return { kind: 'retry', reason: `answered ${status}, but not as Muster does`, retryAfterMs: null };
  }
  const problem = Problem.safeParse(body);
  const reason = problem.success ? describe(problem.data) : `answered ${status}`;
  if (status === 429 || status === 408 || status >= 500) return { kind: 'retry', reason, retryAfterMs: retryAfterMs() };
  return { kind: 'refused', status, problemType: problem.success ? problem.data.type : null, reason };
}

const describe = ({ status, title, detail, errors = [], requestId }: Problem): string =>
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

/** The innermost cause: undici wraps what the system said, and Node several addresses' failures in one. */
function connectionFailure(error: unknown): string {
  const { message, code, cause } = error as NodeJS.ErrnoException & { cause?: unknown };
  return cause instanceof Error ? connectionFailure(cause) : message || code || 'the connection failed';
}
