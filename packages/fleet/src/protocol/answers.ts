import { Problem } from '@muster/contracts';
import { BrokenCallError, type Call, type Http } from '@muster/testkit/http';
import type { z } from 'zod';

/**
 * The outcome of a call. `retry`: the call can succeed later, because there was no valid response, or its status was
 * 408, 429 or 5xx. `refused`: the call cannot succeed.
 */
export type Answer<T> =
  | { kind: 'ok'; data: T }
  | { kind: 'retry'; retryAfterMs: number | null }
  | { kind: 'refused'; problemType: string | null; reason: string };

/** Whether a request that was rejected with this status can succeed later. */
export const isTransient = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/** Sends a request and checks the response against the contract. */
export async function callApi<S extends z.ZodType>(http: Http, schema: S, call: Call): Promise<Answer<z.output<S>>> {
  let reply;
  try {
    reply = await http.send(call);
  } catch (error) {
    if (!(error instanceof BrokenCallError)) throw error;
    return { kind: 'retry', retryAfterMs: null };
  }
  const { status, headers, text } = reply;
  const body = parseJson(text);
  if (status >= 200 && status < 300) {
    const parsed = schema.safeParse(body);
    return parsed.success ? { kind: 'ok', data: parsed.data } : { kind: 'retry', retryAfterMs: null };
  }
  if (isTransient(status)) return { kind: 'retry', retryAfterMs: parseRetryAfter(headers['retry-after']) };
  const { data: problem } = Problem.safeParse(body);
  const reason = problem === undefined ? `status ${status}` : `${status} ${problem.title}: ${problem.detail}`;
  return { kind: 'refused', problemType: problem?.type ?? null, reason };
}

/** The API sends Retry-After in seconds. A date is ignored, because the result would depend on the clock. */
const parseRetryAfter = (header: string | string[] | undefined): number | null =>
  typeof header === 'string' && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : null;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
