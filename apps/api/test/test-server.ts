import { StreamMessages, type StreamMessage, type StreamMessageName } from '@muster/contracts';
import { createServer, get, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** An application that listens on a free port of the loopback interface. */
export class TestServer {
  private constructor(
    readonly url: string,
    private readonly server: Server,
  ) {}

  static async start(app: RequestListener): Promise<TestServer> {
    const server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TestServer(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
  }

  /** Opens a stream, with an API key or with a browser's cookies. Resolves once the response has begun. */
  async listen(who: string | { cookie: string }, { query = '', lastEventId, acceptEncoding }: ListenOptions = {}) {
    const credentials = typeof who === 'string' ? { Authorization: `Bearer ${who}` } : { Cookie: who.cookie };
    const headers = {
      ...credentials,
      ...(lastEventId ? { 'Last-Event-ID': lastEventId } : {}),
      ...(acceptEncoding ? { 'Accept-Encoding': acceptEncoding } : {}),
    };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${this.url}/api/stream${query}`, { headers, agent: false }, resolve).on('error', reject);
    });
    return new StreamClient(answer);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

interface ListenOptions {
  query?: string;
  lastEventId?: string;
  acceptEncoding?: string;
}

/** A client of a stream. It checks each message against the contract. */
export class StreamClient {
  readonly messages: StreamMessage[] = [];
  /** The values of `retry`, in milliseconds. */
  readonly retries: number[] = [];
  /** The last id that was sent, with or without a message. A client would reconnect with this id. */
  lastEventId: string | undefined;
  readonly ended: Promise<void>;
  /** Whether the stream has ended with its last byte. For a compressed stream, this includes a correct checksum. */
  isComplete = false;
  readonly #waiting = new Set<() => void>();
  #rest = '';

  constructor(readonly answer: IncomingMessage) {
    const isCompressed = answer.headers['content-encoding'] === 'gzip';
    // The callback receives the error of a stream that is aborted.
    const body: Readable = isCompressed ? pipeline(answer, createGunzip(), () => undefined) : answer;
    body.setEncoding('utf8');
    body.on('data', (text: string) => this.#receive(text));
    body.on('end', () => (this.isComplete = true));
    // A stream that is aborted also counts as ended.
    this.ended = new Promise((resolve) => body.on('close', resolve).on('error', () => undefined));
  }

  /** Returns the messages of a kind that have been received. */
  of<Name extends StreamMessageName>(name: Name): Extract<StreamMessage, { event: Name }>[] {
    return this.messages.filter(
      (message): message is Extract<StreamMessage, { event: Name }> => message.event === name,
    );
  }

  /** Resolves once the condition holds. The condition is checked after each message. */
  async until(holds: (client: this) => boolean): Promise<void> {
    while (!holds(this)) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  close(): void {
    this.answer.destroy();
  }

  #receive(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) this.#read(block);
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #read(block: string): void {
    const fields = new Map(block.split('\n').map((line) => line.split(/: ?(.*)/s, 2) as [string, string]));
    const [event, id, data, retry] = ['event', 'id', 'data', 'retry'].map((field) => fields.get(field));
    if (retry !== undefined) this.retries.push(Number(retry));
    this.lastEventId = id ?? this.lastEventId;
    if (event === undefined || data === undefined) return;
    const checked = StreamMessages[event as StreamMessageName].parse(JSON.parse(data));
    this.messages.push({ event, data: checked, ...(id === undefined ? {} : { id }) } as StreamMessage);
  }
}
