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
 * @throws ProblemError if the API rejects the request.
 * @throws NetworkError if there is no response.
 * @throws UnexpectedResponseError if the response is not from Muster.
 * @throws the reason of `signal` if it is aborted.
 */
export async function sendRequest(
  connection: Connection,
  name: OperationName,
  input: AnyInput,
  { signal, headers }: { signal?: AbortSignal | undefined; headers?: Record<string, string> } = {},
): Promise<Response> {
  const { method, answers }: Operation = Operations[name];
  const url = urlOf(connection, name, input);
  const init: RequestInit = { method, redirect: 'manual', headers: { Accept: acceptOf(answers), ...headers } };
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
  if (Object.hasOwn(answers, response.status) && hasMediaType(response, answers[response.status])) return response;
  throw await toError(response, url);
}

/**
 * Returns whether a response has the media type of an operation's answer. Another server may return 200 with any page.
 */
function hasMediaType({ headers }: Response, answer: Operation['answers'][number] | undefined): boolean {
  if (answer === null) return true;
  const mediaType = headers.get('Content-Type') ?? '';
  // Exports can also be NDJSON, which the contracts do not list.
  if (typeof answer === 'string') return mediaType.startsWith(answer) || mediaType.startsWith('application/x-ndjson');
  return mediaType.startsWith('application/json');
}

const acceptOf = (answers: Operation['answers']): string => {
  const mediaTypes = Object.values(answers).filter((answer) => typeof answer === 'string');
  return [...mediaTypes, 'application/json', PROBLEM_MEDIA_TYPE].join(', ');
};

async function toError(response: Response, url: string): Promise<Error> {
  const { status, headers } = response;
  const body = await readBeginning(response);
  const problem = parseJson(body);
  if (!isProblem(problem)) return new UnexpectedResponseError(status, url, headers.get('Location'), body);
  const seconds = Number(headers.get('Retry-After') ?? NaN);
  return new ProblemError(problem, Number.isFinite(seconds) ? seconds : null);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Maximum characters that are read of an error's body. A problem of the API is shorter. */
const ERROR_BODY_LENGTH_MAX = 65_536;

/** Returns the body, or its beginning if it is long or if the connection is lost. */
async function readBeginning({ body }: Response): Promise<string> {
  const reader = (body as ReadableStream<Uint8Array> | null)?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  try {
    while (reader !== undefined && text.length < ERROR_BODY_LENGTH_MAX) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // The status is known, so a truncated body is not an error.
  }
  await reader?.cancel().catch(() => undefined);
  return text;
}
