import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, RequestOptions } from 'node:http';

/**
 * How a server is reached. This uses Node's HTTP client because undici alone takes 30 MB of memory, most of it for a
 * WebAssembly parser.
 */
export interface HttpRoute {
  /** `request` of node:http or of node:https. */
  readonly request: (options: RequestOptions) => ClientRequest;
  /** The address, and the agent that keeps the connections. */
  readonly options: RequestOptions;
  /** Prefix of each path: a proxy gets absolute URLs. */
  readonly pathPrefix?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** Closes all connections. */
  close(): void;
}

/** One request. The signal aborts it, including the reading of the answer's body. */
export interface HttpCall {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
  signal: AbortSignal;
}

/**
 * Sends a request and resolves once the answer's headers arrive. The caller must read or destroy the body. Follows no
 * redirects and does not retry. Rejects with the connection error of Node or the system.
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
    // A response that is not an answer (an upgrade, for instance) closes the connection without an error.
    outgoing.once('close', () => reject(new Error('the connection was closed without an answer')));
    outgoing.end(body);
  });
}

/** Thrown if an answer is longer than its reader accepts. */
export class ResponseTooLongError extends RangeError {
  override readonly name = 'ResponseTooLongError';
}

/** Reads the whole body. Throws `ResponseTooLongError` if it is longer than `bytesMax`, and another error if it was cut off. */
export async function readText(answer: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new ResponseTooLongError(`the answer is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
