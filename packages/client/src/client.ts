import { Operations, type Operation, type OperationName, type StreamMessage } from '@muster/contracts';
import { NetworkError } from './errors.js';
import type { Answer, Input, InputArguments, ItemOf, PagedName } from './operation-types.js';
import { send, urlOf, type AnyInput, type Connection } from './request.js';
import { followStream, type StreamOptions } from './stream.js';

export interface ClientOptions {
  /** Where the API is: `https://muster.example.org`. */
  url: string;
  /** A `muster_key_…`; without one a browser's session cookie counts. */
  key?: string;
  /** That of the platform by default. */
  fetch?: typeof globalThis.fetch;
}

interface CallOptions {
  signal?: AbortSignal | undefined;
}

/**
 * The calls of the API, by the names in `Operations`. Answers are taken as the contracts say they are; what they may
 * say beyond that, in a newer API, is there too.
 *
 * All of them throw ProblemError where the API refuses, NetworkError where there is no answer, and
 * UnexpectedAnswerError where another program answers.
 */
export interface Client {
  /** Makes one call. */
  call<Name extends OperationName>(
    name: Name,
    ...input: [...InputArguments<Name>, options?: CallOptions]
  ): Promise<Answer<Name>>;

  /** All items of a list, page by page as they are asked for. */
  items<Name extends PagedName>(name: Name, input?: Input<Name>, options?: CallOptions): AsyncGenerator<ItemOf<Name>>;

  /** The URL of a call that a browser may follow by itself, such as an export. */
  urlOf<Name extends OperationName>(name: Name, ...input: InputArguments<Name>): string;

  /** What happens, as it happens: see `followStream`. */
  stream(options: StreamOptions): AsyncGenerator<StreamMessage>;
}

export function createClient({ url, key, fetch = globalThis.fetch.bind(globalThis) }: ClientOptions): Client {
  const connection: Connection = { url, fetch, ...(key === undefined ? {} : { key }) };

  async function call(name: OperationName, input: AnyInput = {}, { signal }: CallOptions = {}): Promise<unknown> {
    const response = await send(connection, name, input, { signal });
    const schema = (Operations[name] as Operation).answers[response.status];
    if (typeof schema === 'string') return response;
    if (schema === null) return undefined;
    try {
      return await response.json();
    } catch (error) {
      signal?.throwIfAborted();
      throw new NetworkError(response.url, error);
    }
  }

  return {
    call: call as Client['call'],

    async *items(name, input, options) {
      const { query, ...rest } = (input ?? {}) as AnyInput;
      let cursor: string | undefined;
      do {
        const asked = { ...rest, query: { ...query, cursor } };
        const page = (await call(name, asked, options)) as { items: never[]; nextCursor: string | null };
        yield* page.items;
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
    },

    urlOf: (name, ...[input]) => urlOf(connection, name, input ?? {}),
    stream: (options) => followStream(connection, options),
  };
}
