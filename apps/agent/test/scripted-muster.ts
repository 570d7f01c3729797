import { randomUUID } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { Paths, ProblemTypes, formatToken, type Cadence, type Container } from '@muster/contracts';

/** A received request, and when it was answered. */
export interface Heard {
  path: string;
  headers: IncomingHttpHeaders;
  token: string;
  /** The body's bytes as received. */
  raw: Buffer;
  json: unknown;
  atMs: number;
}

/** How to react to a request: with an answer, a broken connection, or silence. */
export type Reaction =
  { status: number; json?: unknown; headers?: Record<string, string>; text?: string } | 'reset' | 'hang';

/** A reaction that may be decided later; null: the ordinary answer. */
type Promised = Reaction | Promise<Reaction | null>;

/** Returns a problem document with this status and type. */
export const problem = (status: number, type = 'about:blank', headers: Record<string, string> = {}): Reaction => ({
  status,
  headers,
  json: { type, title: `Problem ${status}`, status, detail: 'As the script says.', requestId: 'r-1' },
});

/** Returns a problem document whose texts contain terminal control sequences. */
export const hostileProblem = (status: number): Reaction => ({
  status,
  json: {
    type: 'about:blank',
    title: '\u001b]0;title\u0007',
    status,
    requestId: 'r-1',
    detail: 'clear\u009b2J\u007f\u202e\nmuster-agent: all is well',
  },
});

export const tokenInvalid = problem(401, ProblemTypes.tokenInvalid);

/**
 * An API that answers by a script, to test how an agent reacts. packages/e2e uses the real API; failures
 * that it cannot produce on demand (errors, hangs, refusals) are tested with this one.
 */
export class ScriptedMuster {
  readonly heard: Heard[] = [];
  cadence: Cadence = { heartbeatSeconds: 30, snapshotSeconds: 60 };
  /** Delay of each answer in milliseconds. */
  answerMs = 0;
  readonly hostId = randomUUID();
  readonly #queued = new Map<string, Promised[]>();
  readonly #always = new Map<string, Reaction>();
  #issued = 0;
  readonly #waiting = new Set<() => void>();
  readonly #server = createServer((request, response) => void this.#receive(request, response));

  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Uses one of these reactions for each of the next requests to `path`. */
  next(path: string, ...reactions: Promised[]): void {
    this.#queued.set(path, [...(this.#queued.get(path) ?? []), ...reactions]);
  }

  /**
   * Holds the next request to `path` until the returned function is called with its reaction; null: the ordinary
   * answer.
   */
  hold(path: string): (reaction: Reaction | null) => void {
    let release: (reaction: Reaction | null) => void;
    this.next(path, new Promise((resolve) => (release = resolve)));
    return (reaction) => release(reaction);
  }

  /** Uses this reaction for all requests to `path` from now on; null: the ordinary answer. */
  always(path: string, reaction: Reaction | null): void {
    if (reaction === null) this.#always.delete(path);
    else this.#always.set(path, reaction);
  }

  of(path: string): Heard[] {
    return this.heard.filter((each) => each.path === path);
  }

  get snapshots(): Heard[] {
    return this.of(Paths.agentContainers);
  }

  get heartbeats(): Heard[] {
    return this.of(Paths.agentHeartbeat);
  }

  /** Resolves when `condition` holds; it is checked at each request. Rejects after `timeoutMs`. */
  async until(condition: () => boolean, timeoutMs = 15_000): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        const heard = this.heard.map(({ path, json }) => `${path} ${JSON.stringify(json).slice(0, 120)}`);
        reject(new Error(`timed out waiting for: ${condition.toString()}\nreceived:\n${heard.join('\n')}`));
      }, timeoutMs);
      this.#waiting.add(look);
    });
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw).toString() : raw.toString();
    const path = request.url!;
    const heard: Heard = {
      path,
      headers: request.headers,
      raw,
      json: text === '' ? null : JSON.parse(text),
      atMs: performance.now(),
      token: (request.headers.authorization ?? '').replace(/^Bearer /, ''),
    };
    this.heard.push(heard);
    setImmediate(() => this.#waiting.forEach((look) => look()));
    if (this.answerMs > 0) await sleep(this.answerMs);
    const scripted = await (this.#queued.get(path)?.shift() ?? this.#always.get(path));
    const reaction = scripted ?? this.#ordinary(heard);
    if (reaction === 'reset') request.socket.resetAndDestroy();
    else if (reaction !== 'hang') {
      const { status, json, text: body = JSON.stringify(json), headers } = reaction;
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
    }
  }

  /** The ordinary answer to a snapshot. */
  summary(received: number, isPartial = false) {
    const { hostId, cadence } = this;
    const counts = { received, created: received, updated: 0, unchanged: 0, removed: 0, revision: 1 };
    return { hostId, applied: true, ...counts, digest: isPartial ? null : `digest-${this.snapshots.length}`, cadence };
  }

  #ordinary({ path, json, headers }: Heard): Reaction {
    const { hostId, cadence } = this;
    switch (path) {
      case Paths.agentEnroll: {
        const agentToken = formatToken('agent', new Uint8Array(32).fill(++this.#issued));
        return { status: 201, json: { hostId, agentToken, cadence } };
      }
      case Paths.agentContainers: {
        const isPartial = headers['snapshot-complete'] === 'false';
        return { status: 200, json: this.summary((json as Container[]).length, isPartial) };
      }
      default:
        return { status: 200, json: { snapshotRequired: (json as { digest: unknown }).digest === null, cadence } };
    }
  }
}
