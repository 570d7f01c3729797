/** An HTTP client that returns every response with its duration, whatever the status is. */
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** Milliseconds from sending the request until the whole response has arrived. */
  ms: number;
}

/** No complete response arrived. Clients of Muster treat this as a failed request. */
class BrokenCallError extends Error {}

export interface Call {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  token?: string;
  headers?: Readonly<Record<string, string>>;
  /** Sent as JSON unless `headers` has another content type. */
  body?: string | Buffer;
  timeoutMs?: number;
}

export interface Client {
  /** @throws BrokenCallError if the connection breaks or no response arrives in time. */
  send(call: Call): Promise<Reply>;
  /** Closes the client's connections. */
  close(): void;
}

const TIMEOUT_MS_DEFAULT = 30_000;

/** Creates a client of one server, with its own keep-alive connections. */
export function createClient(url: string): Client {
  const agent = new Agent({ keepAlive: true });
  return {
    async send({ method = 'GET', path, token, headers = {}, body, timeoutMs = TIMEOUT_MS_DEFAULT }) {
      const startedAt = performance.now();
      const req = request(url + path, {
        ...{ agent, method, signal: AbortSignal.timeout(timeoutMs) },
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
          ...headers,
        },
      });
      try {
        const res = await new Promise<IncomingMessage>((resolve, reject) => {
          req.once('response', resolve);
          // The connection may break during the response as well. In this case, reading the body fails.
          req.on('error', reject);
          req.end(body);
        });
        const chunks: Buffer[] = [];
        for await (const chunk of res) chunks.push(chunk as Buffer);
        const text = Buffer.concat(chunks).toString();
        return { status: res.statusCode ?? 0, headers: res.headers, text, ms: performance.now() - startedAt };
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        throw new BrokenCallError(`${method} ${path}: ${code ?? message}`, { cause: error });
      }
    },
    close: () => agent.destroy(),
  };
}
