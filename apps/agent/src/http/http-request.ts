import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, RequestOptions } from 'node:http';

/**
 * The route to a server. It uses Node's own HTTP client, because undici takes 30 MB of memory, most of it for a
 * WebAssembly parser.
 */
export interface HttpRoute {
  /** The function `request` of node:http or node:https. */
  readonly request: (options: RequestOptions) => ClientRequest;
  /** The server's address, and the HTTP agent that holds the connections. */
  readonly options: RequestOptions;
  /** Prefix of each path. It is set for a plain HTTP proxy, which expects absolute URLs. */
  readonly pathPrefix?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** Closes all connections. */
  close(): void;
}

/** One request. The signal also aborts reading the response's body. */
export interface HttpCall {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
  signal: AbortSignal;
}

/**
 * Sends a request and resolves when the response's headers arrive. The caller must read or destroy the body. Redirects
 * are not followed, and failed requests are not retried. Rejects with Node's error if the connection fails.
 */
export function send(route: HttpRoute, { method, path, headers, body, signal }: HttpCall): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const outgoing = route.request({
      ...route.options,
      method,
      path: (route.pathPrefix ?? '') + path,
      signal,
      headers: { ...route.headers, ...headers, ...length },
    });
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
    // A response with status 101, for example, closes the connection without a `response` event and without an error.
    outgoing.once('close', () => reject(new Error('the connection was closed without a response')));
    outgoing.end(body);
  });
}

/** Thrown if a response's body is longer than the reader accepts. */
export class ResponseTooLongError extends RangeError {
  override readonly name = 'ResponseTooLongError';
}

/**
 * Reads the whole body. Throws `ResponseTooLongError` if the body is longer than `bytesMax`, and another error if the
 * body is cut off.
 */
export async function readText(response: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new ResponseTooLongError(`the response is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
