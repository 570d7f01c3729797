import { Operations, type Operation, type OperationName, type StreamMessage } from '@muster/contracts';
import { NetworkError, UnexpectedResponseError } from './errors.js';
import type { Answer, Input, InputArguments, ItemOf, PagedOperationName } from './operation-types.js';
import { sendRequest, urlOf, type AnyInput, type Connection } from './request.js';
import { followStream, type StreamOptions } from './stream.js';

export interface ClientOptions {
  /** The base URL of the API, for example `https://muster.example.org`. */
  url: string;
  /** An API key, `muster_key_…`. Without a key, the browser's session cookie authenticates the caller. */
  key?: string;
  /** The fetch function. Default: `globalThis.fetch`. */
  fetch?: typeof globalThis.fetch;
}

interface CallOptions {
  signal?: AbortSignal | undefined;
}

/**
 * Calls the API's operations by their names in `Operations`. Responses are not validated, so they may contain fields
 * that a newer API added.
 *
 * All methods throw ProblemError if the API rejects the request, NetworkError if there is no response, and
 * UnexpectedResponseError if the response is not from Muster.
 */
export interface Client {
  /**
   * Calls an operation. Returns the JSON of the response. Returns undefined if the response has no body, and the
   * response itself if the body is not JSON.
   */
  call<Name extends OperationName>(
    name: Name,
    ...input: [...InputArguments<Name>, options?: CallOptions]
  ): Promise<Answer<Name>>;

  /** Iterates over all items of a list. Requests the next page only when it is needed. */
  items<Name extends PagedOperationName>(
    name: Name,
    input?: Input<Name>,
    options?: CallOptions,
  ): AsyncGenerator<ItemOf<Name>>;

  /** Returns the URL of an operation, for a link that the browser opens, such as an export. */
  urlOf<Name extends OperationName>(name: Name, ...input: InputArguments<Name>): string;

  /** Follows the live stream, as `followStream` describes. */
  stream(options: StreamOptions): AsyncGenerator<StreamMessage>;
}

export function createClient({ url, key, fetch = globalThis.fetch.bind(globalThis) }: ClientOptions): Client {
  const connection: Connection = { url, fetch, ...(key === undefined ? {} : { key }) };

  async function call(name: OperationName, input: AnyInput = {}, { signal }: CallOptions = {}): Promise<unknown> {
    const response = await sendRequest(connection, name, input, { signal });
    const schema = (Operations[name] as Operation).answers[response.status];
    if (typeof schema === 'string') return response;
    if (schema === null) return undefined;
    let text: string;
    try {
      text = await response.text();
    } catch (error) {
      signal?.throwIfAborted();
      throw new NetworkError(urlOf(connection, name, input), error);
    }
    try {
      return JSON.parse(text);
    } catch {
      throw new UnexpectedResponseError(response.status, urlOf(connection, name, input), null, text);
    }
  }

  return {
    call: call as Client['call'],

    async *items(name, input, options) {
      const { query, ...rest } = (input ?? {}) as AnyInput;
      let cursor: string | undefined;
      do {
        const pageInput = { ...rest, query: { ...query, cursor } };
        const page = (await call(name, pageInput, options)) as { items: never[]; nextCursor: string | null };
        // Another server can also return JSON.
        if (!Array.isArray(page.items)) throw new UnexpectedResponseError(200, urlOf(connection, name, pageInput));
        yield* page.items;
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
    },

    urlOf: (name, ...[input]) => urlOf(connection, name, input ?? {}),
    stream: (options) => followStream(connection, options),
  };
}
