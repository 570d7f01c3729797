import { PROBLEM_MEDIA_TYPE, Operations, type Operation, type OperationName } from '@muster/contracts';
import type { QueryValue } from './operation-types.js';
import { isProblem, NetworkError, ProblemError, UnexpectedResponseError } from './errors.js';

/** The API's address and the caller's credentials. */
export interface Connection {
  /** The API's origin, and its base path if it has one. */
  url: string;
  /** An API key. Without a key, the browser's session cookie authenticates the caller. */
  key?: string;
  fetch: typeof globalThis.fetch;
}

/** The untyped form of `Input`. */
export interface AnyInput {
  params?: Readonly<Record<string, string>>;
  query?: Readonly<Record<string, QueryValue>>;
  body?: unknown;
}

/** Returns the URL of an operation. @throws TypeError if a path parameter is missing. */
export function urlOf(connection: Connection, name: OperationName, { params = {}, query = {} }: AnyInput): string {
  const path = Operations[name].path.replace(/:(\w+)/g, (_match, parameter: string) => {
    const value = params[parameter];
    if (value === undefined) throw new TypeError(`${name} requires the parameter ${parameter}`);
    return encodeURIComponent(value);
  });
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const item of typeof value === 'object' ? value : [value]) search.append(key, String(item));
  }
  const parameters = search.toString();
  return connection.url.replace(/\/+$/, '') + path + (parameters === '' ? '' : `?${parameters}`);
}

/**
 * Sends a request. Returns the response if its status is one of the operation's successful statuses.
 * @throws ProblemError if the API rejects the request, NetworkError if there is no response, UnexpectedResponseError if
 * the response is not from Muster, and the reason of `signal` if it is aborted.
 */
export async function sendRequest(
  connection: Connection,
  name: OperationName,
  input: AnyInput,
  { signal, headers }: { signal?: AbortSignal | undefined; headers?: Record<string, string> } = {},
): Promise<Response> {
  const { method, answers }: Operation = Operations[name];
  const url = urlOf(connection, name, input);
  const init: RequestInit = { method, redirect: 'error', headers: { Accept: acceptOf(answers), ...headers } };
  const headersToSend = init.headers as Record<string, string>;
  if (connection.key !== undefined) headersToSend['Authorization'] = `Bearer ${connection.key}`;
  if (input.body !== undefined) {
    headersToSend['Content-Type'] = 'application/json';
    init.body = JSON.stringify(input.body);
  }
  if (signal !== undefined) init.signal = signal;

  let response: Response;
  try {
    response = await connection.fetch(url, init);
  } catch (error) {
    signal?.throwIfAborted();
    throw new NetworkError(url, error);
  }
  if (Object.hasOwn(answers, response.status)) return response;
  throw await toError(response, url);
}

const acceptOf = (answers: Operation['answers']): string => {
  const mediaTypes = Object.values(answers).filter((answer) => typeof answer === 'string');
  return [...mediaTypes, 'application/json', PROBLEM_MEDIA_TYPE].join(', ');
};

async function toError(response: Response, url: string): Promise<Error> {
  const problem: unknown = await response.json().catch(() => null);
  if (!isProblem(problem)) return new UnexpectedResponseError(response.status, url);
  const seconds = Number(response.headers.get('Retry-After') ?? NaN);
  return new ProblemError(problem, Number.isFinite(seconds) ? seconds : null);
}
