import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { Paths, ProblemTypes, formatToken, type Cadence, type Container } from '@muster/contracts';
import { eventually } from '@muster/testkit';

/** A received request. `atMs` is the time at which it was received. */
export interface ReceivedRequest {
  path: string;
  headers: IncomingHttpHeaders;
  token: string;
  /** The body's bytes as received. */
  raw: Buffer;
  json: unknown;
  atMs: number;
}

/** The reaction to a request: a response, a broken connection, or no response. */
export type Reaction =
  { status: number; json?: unknown; headers?: Record<string, string>; text?: string } | 'reset' | 'hang';

/** A reaction, or a promise of a reaction. Null means the default response. */
type PendingReaction = Reaction | Promise<Reaction | null>;

/** Returns a problem document with this status and type. */
export const problem = (status: number, type = 'about:blank', headers: Record<string, string> = {}): Reaction => ({
  status,
  headers,
  json: { type, title: `Problem ${status}`, status, detail: 'As the script says.', requestId: 'replaced' },
});

/** Returns a problem document whose texts contain terminal control sequences. */
export const hostileProblem = (status: number): Reaction => ({
  status,
  json: {
    type: 'about:blank',
    title: '\u001b]0;title\u0007',
    status,
    requestId: 'replaced',
    detail: 'clear\u009b2J\u007f\u202e\nmuster-agent: all is well',
  },
});

/** The API's response to an incomplete snapshot that would give the host too many containers. */
export const containerLimitProblem: Reaction = {
  status: 400,
  json: {
    type: ProblemTypes.invalidRequest,
    title: 'Invalid request',
    status: 400,
    detail: 'The request is not valid.',
    requestId: 'replaced',
    errors: [{ path: '', message: 'would make 10001 present containers; a host may have at most 10000' }],
  },
};

export const tokenInvalid = problem(401, ProblemTypes.tokenInvalid);

/**
 * An API with scripted responses. It produces failures (errors, hangs, refusals) that the real API cannot produce on
 * demand. packages/e2e tests the agent with the real API.
 */
export class ScriptedMuster {
  readonly receivedRequests: ReceivedRequest[] = [];
  cadence: Cadence = { heartbeatSeconds: 30, snapshotSeconds: 60 };
  /** The optional features that each response lists; null for an API that does not list features. */
  accepts: string[] | null = null;
  /** Delay of each response in milliseconds. */
  answerDelayMs = 0;
  readonly hostId = randomUUID();
  readonly #queued = new Map<string, PendingReaction[]>();
  readonly #reactions = new Map<string, Reaction>();
  #issued = 0;
  readonly #waiting = new Set<() => void>();
  readonly #server = createServer((request, response) => void this.#receive(request, response));

  /** Listens on `port`, or on any free port. Waits while another program uses the port. */
  async listen(port = 0): Promise<string> {
    await eventually(() => once(this.#server.listen(port, '127.0.0.1'), 'listening'), 60_000);
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Uses these reactions, in order, for the next requests to `path`. */
  queueReactions(path: string, ...reactions: PendingReaction[]): void {
    this.#queued.set(path, [...(this.#queued.get(path) ?? []), ...reactions]);
  }

  /**
   * Holds the next request to `path` until the returned function is called with the reaction. Null means the default
   * response.
   */
  hold(path: string): (reaction: Reaction | null) => void {
    let release: (reaction: Reaction | null) => void;
    this.queueReactions(path, new Promise((resolve) => (release = resolve)));
    return (reaction) => release(reaction);
  }

  /** Uses this reaction for all requests to `path` from now on. Null means the default response. */
  setReaction(path: string, reaction: Reaction | null): void {
    if (reaction === null) this.#reactions.delete(path);
    else this.#reactions.set(path, reaction);
  }

  requestsTo(path: string): ReceivedRequest[] {
    return this.receivedRequests.filter((each) => each.path === path);
  }

  get snapshots(): ReceivedRequest[] {
    return this.requestsTo(Paths.agentContainers);
  }

  get heartbeats(): ReceivedRequest[] {
    return this.requestsTo(Paths.agentHeartbeat);
  }

  /**
   * Resolves when `condition` holds. Rejects after `timeoutMs`. The condition is checked when a response has been sent,
   * so that a change that the test makes next is later than the response. It is also checked when a request has been
   * received that is answered late or not at all.
   */
  async until(condition: () => boolean, timeoutMs = 60_000): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        const summaries = this.receivedRequests.map(
          ({ path, json }) => `${path} ${JSON.stringify(json).slice(0, 120)}`,
        );
        reject(new Error(`timed out waiting for: ${condition.toString()}\nreceived:\n${summaries.join('\n')}`));
      }, timeoutMs);
      this.#waiting.add(check);
    });
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw).toString() : raw.toString();
    const path = request.url!;
    const received: ReceivedRequest = {
      path,
      headers: request.headers,
      raw,
      json: text === '' ? null : JSON.parse(text),
      atMs: performance.now(),
      token: (request.headers.authorization ?? '').replace(/^Bearer /, ''),
    };
    this.receivedRequests.push(received);
    if (this.answerDelayMs > 0) {
      this.#checkSoon();
      await sleep(this.answerDelayMs);
    }
    const pending = this.#queued.get(path)?.shift() ?? this.#reactions.get(path);
    if (pending instanceof Promise || pending === 'hang') this.#checkSoon();
    const scripted = await pending;
    const reaction = scripted ?? this.#defaultReaction(received);
    if (reaction === 'reset') request.socket.resetAndDestroy();
    else if (reaction !== 'hang') {
      const { status, json, text: body = JSON.stringify(withRequestId(json)), headers } = reaction;
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
    }
    this.#checkSoon();
  }

  #checkSoon(): void {
    setImmediate(() => this.#waiting.forEach((check) => check()));
  }

  /** Returns the default response to a snapshot. */
  summary(received: number, isPartial = false) {
    const { hostId } = this;
    const counts = { received, created: received, updated: 0, unchanged: 0, removed: 0, revision: 1 };
    return {
      hostId,
      applied: true,
      ...counts,
      digest: isPartial ? null : `digest-${this.snapshots.length}`,
      ...this.#terms(),
    };
  }

  /** The fields of every response. */
  #terms() {
    return { cadence: this.cadence, ...(this.accepts === null ? {} : { accepts: this.accepts }) };
  }

  #defaultReaction({ path, json, headers }: ReceivedRequest): Reaction {
    const { hostId } = this;
    switch (path) {
      case Paths.agentEnroll: {
        const agentToken = formatToken('agent', new Uint8Array(32).fill(++this.#issued));
        return { status: 201, json: { hostId, agentToken, ...this.#terms() } };
      }
      case Paths.agentContainers: {
        const isPartial = headers['snapshot-complete'] === 'false';
        return { status: 200, json: this.summary((json as Container[]).length, isPartial) };
      }
      default:
        return {
          status: 200,
          json: { snapshotRequired: (json as { digest: unknown }).digest === null, ...this.#terms() },
        };
    }
  }
}

/** Gives a problem document a new request ID, as the API does for each response. */
const withRequestId = (json: unknown): unknown =>
  typeof json === 'object' && json !== null && 'requestId' in json ? { ...json, requestId: randomUUID() } : json;
