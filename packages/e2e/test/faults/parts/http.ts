/** An HTTP client that says what came back, whatever it is, and how long it took. */
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** Milliseconds from sending until the whole answer was there. */
  ms: number;
}

/** No answer came, or half of one: what a caller of Muster would call a failed request. */
class BrokenCallError extends Error {}

export interface Call {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  token?: string;
  headers?: Readonly<Record<string, string>>;
  /** Sent as JSON unless `headers` say otherwise. */
  body?: string | Buffer;
  timeoutMs?: number;
}

export interface Client {
  /** @throws BrokenCallError if the connection breaks or nothing comes in time. */
  send(call: Call): Promise<Reply>;
  /** Closes its connections. */
  close(): void;
}

const TIMEOUT_MS_DEFAULT = 30_000;

/** A client of one server, with connections of its own that are kept. */
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
          // It may break again after its answer began; what is read then fails by itself.
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
