import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders, RequestOptions } from 'node:http';

/**
 * How a server is reached. Node's own HTTP and not a package's: undici alone holds 30 MB of a process, most of it for
 * a parser in WebAssembly.
 */
export interface HttpRoute {
  /** `request` of node:http or of node:https. */
  readonly request: (options: RequestOptions) => ClientRequest;
  /** Whom to connect to, and the agent that keeps the connections. */
  readonly options: RequestOptions;
  /** What stands before each path: a proxy is asked for whole addresses. */
  readonly pathPrefix?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** Ends every connection. */
  close(): void;
}

/** One request. The signal ends it, its answer's body included. */
export interface HttpCall {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
  signal: AbortSignal;
}

/**
 * Sends a request, and resolves with the answer as soon as its headers are there; its body must be read, or destroyed.
 * Follows no redirect, tries nothing twice. Rejects with what the system or Node says of the connection.
 */
export function send(route: HttpRoute, { method, path, headers, body, signal }: HttpCall): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const outgoing = route.request({
      ...route.options,
      ...{ method, path: (route.pathPrefix ?? '') + path, signal },
      headers: { ...route.headers, ...headers, ...length },
    });
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
    // An answer that is none (an upgrade, for instance) ends the connection without an error.
    outgoing.once('close', () => reject(new Error('the connection was closed without an answer')));
    outgoing.end(body);
  });
}

/** An answer that is longer than its reader takes. */
export class TooLongError extends RangeError {
  override readonly name = 'TooLongError';
}

/** The answer's body, whole. Throws `TooLongError` if it is longer than `bytesMax`, and another error if it was cut off. */
export async function readText(answer: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new TooLongError(`the answer is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
