import { Problem } from '@muster/contracts';
import { BrokenCallError, type Call, type Http } from '@muster/testkit/http';
import type { z } from 'zod';

/**
 * The outcome of a call. `retry`: the call can succeed later, because there was no valid response, or its status was
 * 408, 429 or 5xx. `refused`: the call cannot succeed.
 */
export type Answer<T> =
  | { kind: 'ok'; data: T }
  | { kind: 'retry'; reason: string; retryAfterMs: number | null }
  | { kind: 'refused'; reason: string; problemType: string | null };

/** Sends a request and checks the response against the contract. */
export async function callApi<S extends z.ZodType>(http: Http, schema: S, call: Call): Promise<Answer<z.output<S>>> {
  let reply;
  try {
    reply = await http.send(call);
  } catch (error) {
    if (!(error instanceof BrokenCallError)) throw error;
    return { kind: 'retry', reason: error.message, retryAfterMs: null };
  }
  const { status, headers, text } = reply;
  const body = parseJson(text);
  if (status >= 200 && status < 300) {
    const { success, data } = schema.safeParse(body);
    if (success) return { kind: 'ok', data };
    return { kind: 'retry', reason: 'the response does not match the contract', retryAfterMs: null };
  }
  const { data: problem } = Problem.safeParse(body);
  const reason = problem === undefined ? `status ${status}` : `${status} ${problem.title}: ${problem.detail}`;
  const isTransient = status === 408 || status === 429 || status >= 500;
  if (isTransient) return { kind: 'retry', reason, retryAfterMs: parseRetryAfter(headers['retry-after']) };
  return { kind: 'refused', reason, problemType: problem?.type ?? null };
}

/** The API sends Retry-After in seconds. A date is ignored, because the delay would depend on the clock. */
const parseRetryAfter = (header: string | string[] | undefined): number | null =>
  typeof header === 'string' && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : null;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
