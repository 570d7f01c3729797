import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { MUSTER_VERSION, Paths, ProblemTypes, type Problem } from '@muster/contracts';
import express from 'express';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect, type Socket } from 'node:net';
import { serve, type HttpServer } from '../src/http/server.js';
import { useApi } from './harness.js';

const servers: HttpServer[] = [];
const clients: Client[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.drain(0)));
});

async function start(handler: RequestListener): Promise<HttpServer> {
  const server = await serve(handler, { host: '127.0.0.1', port: 0 });
  servers.push(server);
  return server;
}

/** A client that sends raw bytes, so that it can send invalid HTTP. */
class Client {
  received = '';
  /** Resolves when the server has closed the connection, with everything that was received. */
  readonly ended: Promise<string>;

  constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => (this.received += chunk.toString()));
    socket.on('error', () => undefined);
    // `once` is not used, because it rejects if the server resets the connection. A reset also causes a close event.
    this.ended = new Promise((resolve) => void socket.on('close', () => resolve(this.received)));
  }

  /** Connects a client and adds it to `closedByTest`. Clients in `clients` are closed after each test. */
  static async connect({ url }: HttpServer, closedByTest = clients): Promise<Client> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    await once(socket, 'connect');
    const client = new Client(socket);
    closedByTest.push(client);
    return client;
  }

  send(...lines: string[]): this {
    this.socket.write(lines.join('\r\n'));
    return this;
  }

  async has(text: string): Promise<void> {
    while (!this.received.includes(text)) await once(this.socket, 'data');
  }
}

/** Parses the responses that a connection received, each with its status, headers and body. */
function parseResponses(received: string) {
  const answers: { status: number; headers: Record<string, string>; body: string }[] = [];
  for (let rest = received; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n');
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
    );
    const length = Number(headers['content-length'] ?? 0);
    answers.push({ status: Number(statusLine.split(' ')[1]), headers, body: rest.slice(end + 4, end + 4 + length) });
    rest = rest.slice(end + 4 + length);
  }
  return answers;
}

/** Expects that the only response is a problem document with this status, and that the connection closes after it. */
function expectProblem(received: string, status: number): void {
  const answers = parseResponses(received);
  expect(answers.map((answer) => answer.status)).toEqual([status]);
  const { headers, body } = answers[0]!;
  expect(headers).toMatchObject({ 'content-type': 'application/problem+json', connection: 'close' });
  const problem = JSON.parse(body) as Problem;
  expect(problem).toMatchObject({ status, requestId: headers['x-request-id'] });
  expect(problem.requestId).toMatch(/^[\da-f-]{36}$/);
}

const GET = ['GET / HTTP/1.1', 'Host: x', '', ''];

/** Creates a promise that the test resolves by calling `open`. */
function latch() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

/** Clients that never complete their requests. The server closes their connections within 16 seconds. */
const slowClients: Client[] = [];
let serverOfSlowClients: HttpServer;

// The clients connect before the first test, so that they reach the time limit during the other tests.
beforeAll(async () => {
  const handler: RequestListener = (req, res) => {
    if (req.url === '/early') res.setHeader('Content-Length', 5).end('early');
    else req.resume();
  };
  serverOfSlowClients = await serve(handler, { host: '127.0.0.1', port: 0 });
  const post = (path: string) => [`POST ${path} HTTP/1.1`, 'Host: x', 'Content-Length: 10', '', 'half'];
  for (const lines of [['GET / HTTP/1.1', 'Host: x', ''], post('/'), post('/early')]) {
    (await Client.connect(serverOfSlowClients, slowClients)).send(...lines);
  }
});
afterAll(async () => {
  for (const { socket } of slowClients) socket.destroy();
  await serverOfSlowClients.drain(0);
});

describe('draining', () => {
  test('does not wait for silent clients, regardless of what they sent before', async () => {
    const server = await start((req, res) => {
      if (req.method === 'GET') res.end('ok');
      else req.resume().on('end', () => res.end('ok'));
    });
    const [, idle, halfHead, halfBody, secondHalf] = await Promise.all(
      [1, 2, 3, 4, 5].map(() => Client.connect(server)),
    );
    idle!.send(...GET);
    await idle!.has('ok');
    halfHead!.send('GET / HTTP/1.1', 'Host: x');
    halfBody!.send('POST / HTTP/1.1', 'Host: x', 'Content-Length: 10', '', 'half');
    secondHalf!.send(...GET);
    await secondHalf!.has('ok');
    secondHalf!.send('GET / HT');
    const startedAt = performance.now();
    await server.drain(0);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  test('waits longer for responses, and for requests that are still arriving, than for silent clients', async () => {
    const { open, opened } = latch();
    const server = await start((req, res) => {
      if (req.method === 'GET') void opened.then(() => res.end('late'));
      else req.resume().on('end', () => res.end('whole'));
    });
    const [slowResponse, slowRequest] = [await Client.connect(server), await Client.connect(server)];
    slowResponse.send(...GET);
    slowRequest.send('POST / HTTP/1.1', 'Host: x', 'Connection: close', 'Content-Length: 4', '', '');
    const drained = server.drain(0);
    for (const byte of 'four') {
      await new Promise((resolve) => setTimeout(resolve, 600));
      slowRequest.send(byte);
    }
    await slowRequest.has('whole');
    open();
    await slowResponse.has('late');
    await drained;
  });

  test('closes the connection of a request that was in flight when draining began', async () => {
    const { open, opened } = latch();
    const arrived = latch();
    const app = express();
    app.get('/', async (_req, res) => {
      arrived.open();
      await opened;
      res.json('done');
    });
    const server = await start(app);
    const client = (await Client.connect(server)).send(...GET);
    await arrived.opened;
    const drained = server.drain(500);
    open();
    const [answer] = parseResponses(await client.ended);
    expect(answer).toMatchObject({ status: 200, headers: { connection: 'close' }, body: '"done"' });
    await drained;
  });

  test('responds to a request whose head was arriving when the server stopped accepting connections', async () => {
    const server = await start((req, res) => void res.end(req.url));
    const client = (await Client.connect(server)).send(...GET);
    await client.has('/');
    client.send('GET /second HTTP/1.1', 'Ho');
    // The server answers this later request only after it has read the incomplete head.
    await (await Client.connect(server)).send(...GET).has('/');
    const drained = server.drain(0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    client.send('st: x', '', '');
    await client.has('/second');
    await drained;
  });
});

describe('unusual and malformed requests:', () => {
  const context = useApi('pglite');
  const app = () => start(context.api.app);
  const exchange = async (...lines: string[]) => (await Client.connect(await app())).send(...lines).ended;

  test.each([
    ['junk', ['junk', '', ''], 400],
    ['another version', ['GET / HTTP/9.9', 'Host: x', '', ''], 400],
    ['a header without a name', ['GET / HTTP/1.1', 'Host: x', ': y', '', ''], 400],
    ['two lengths', ['POST / HTTP/1.1', 'Host: x', 'Content-Length: 1', 'Content-Length: 2', '', ''], 400],
    ['oversized headers', ['GET / HTTP/1.1', 'Host: x', `X: ${'x'.repeat(20_000)}`, '', ''], 431],
    ['a thousand headers', ['GET / HTTP/1.1', 'Host: x', ...Array<string>(2000).fill('X: 12345678'), '', ''], 431],
    ['a CONNECT', ['CONNECT example.com:443 HTTP/1.1', 'Host: example.com', '', ''], 400],
    ['the preface of HTTP/2', ['PRI * HTTP/2.0', '', 'SM', '', ''], 400],
    ['an unknown expectation', ['GET / HTTP/1.1', 'Host: x', 'Expect: something-odd', '', ''], 417],
  ])('%s is refused with a problem document', async (_what, lines, status) => {
    expectProblem(await exchange(...lines), status);
  });

  test.each([
    ['no Host', ['GET /healthz HTTP/1.1', 'Connection: close', '', '']],
    ['two Hosts', ['GET /healthz HTTP/1.1', 'Host: a', 'Host: b', 'Connection: close', '', '']],
  ])('%s is refused with a problem document', async (_what, lines) => {
    const received = await exchange(...lines);
    expectProblem(received, 400);
    expect(received).toContain('send one Host header');
  });

  test('HTTP/1.0 needs no Host, and Expect: 100-continue is supported', async () => {
    const [old] = parseResponses(await exchange('GET /healthz HTTP/1.0', '', ''));
    expect(old).toMatchObject({ status: 200 });
    const upload = ['Host: x', 'Expect: 100-continue', 'Content-Length: 2', 'Connection: close', '', '{}'];
    const refused = parseResponses(await exchange(`POST ${Paths.agentContainers} HTTP/1.1`, ...upload));
    expect(refused.map(({ status }) => status)).toEqual([401]);
    const host = await (await context.api.organization()).enroll();
    const good = [`Authorization: Bearer ${host.token}`, 'Content-Type: application/json', ...upload];
    const accepted = parseResponses(await exchange(`POST ${Paths.agentHeartbeat} HTTP/1.1`, ...good));
    expect(accepted.map(({ status }) => status)).toEqual([100, 400]);
  });

  test.each([
    ['an invalid absolute-form target', 'http://[/healthz'],
    ['an absolute-form target with another scheme', 'ftp://x/healthz'],
    ['an absolute-form target with an invalid port', 'http://a:99999999/healthz'],
  ])('%s is refused with a problem document', async (_what, target) => {
    const received = await exchange(`GET ${target} HTTP/1.1`, 'Host: x', '', '');
    expectProblem(received, 400);
    expect(received).toMatch(/x-content-type-options: nosniff/i);
    expect(received).not.toMatch(/x-powered-by/i);
  });

  test('a valid absolute-form target is treated like its path', async () => {
    const received = await exchange('GET http://x.example/healthz HTTP/1.1', 'Host: x', 'Connection: close', '', '');
    expect(parseResponses(received)).toMatchObject([
      { status: 200, body: JSON.stringify({ status: 'ok', version: MUSTER_VERSION }) },
    ]);
  });

  const UPLOAD_BYTES = 9 * 1024 * 1024;
  test.each([
    ['headers that are too large', [`X: ${'x'.repeat(20_000)}`], 431],
    ['an unknown expectation', ['Expect: something-odd'], 417],
    ['no credentials, on a connection that closes', ['Connection: close'], 401],
  ])('a client that sends a large body can read why it was refused: %s', async (_what, headers, status) => {
    const server = await start(context.api.app);
    const client = await Client.connect(server);
    const head = ['Host: x', 'Content-Type: application/json', `Content-Length: ${UPLOAD_BYTES}`];
    client.send(`POST ${Paths.agentContainers} HTTP/1.1`, ...head, ...headers, '', '');
    // Like most clients, this client reads the response only after it has sent the whole request.
    client.socket.pause();
    let failure: unknown;
    client.socket.on('error', (error) => (failure = error));
    for (let sent = 0; sent < UPLOAD_BYTES; sent += 65_536) {
      if (!client.socket.write(Buffer.alloc(65_536, ' '))) await once(client.socket, 'drain');
    }
    client.socket.resume();
    expectProblem(await client.ended, status);
    expect(failure).toBeUndefined();
  });

  test('a body with invalid chunked encoding is refused with a problem document', async () => {
    const host = await (await context.api.organization()).enroll();
    const head = ['Host: x', `Authorization: Bearer ${host.token}`, 'Content-Type: application/json'];
    const chunked = [`POST ${Paths.agentContainers} HTTP/1.1`, ...head, 'Transfer-Encoding: chunked', '', 'zz', ''];
    expectProblem(await exchange(...chunked), 400);
  });

  test('invalid bytes after a valid request get a second response, and do not affect the first response', async () => {
    const { open, opened } = latch();
    const arrived = latch();
    const server = await start((_req, res) => {
      arrived.open();
      void opened.then(() => res.setHeader('Content-Length', 4).end('good'));
    });
    const client = (await Client.connect(server)).send(...GET, 'junk', '', '');
    await arrived.opened;
    client.send('more junk', '', '');
    open();
    const [good, ...rest] = parseResponses(await client.ended);
    expect(good).toMatchObject({ status: 200, body: 'good' });
    expect(rest).toMatchObject([{ status: 400, headers: { 'content-type': 'application/problem+json' } }]);
  });

  test('a slow head or body is refused with 408, but never after another response', async () => {
    const [slowHead, slowBody, early] = await Promise.all(slowClients.map(({ ended }) => ended));
    expectProblem(slowHead!, 408);
    expectProblem(slowBody!, 408);
    expect(parseResponses(early!)).toMatchObject([{ status: 200, body: 'early' }]);
  }, 180_000);
});

describe('one connection cannot overload the server:', () => {
  const CHUNKED = `POST ${Paths.session} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const chunksOf = (bytes: number, count: number) => `${bytes.toString(16)}\r\n${' '.repeat(bytes)}\r\n`.repeat(count);

  test('a body in many small chunks is refused, and no more of it is read', async () => {
    let received = 0;
    const server = await start((req, res) => {
      req.on('data', (chunk: Buffer) => (received += chunk.length));
      req.on('end', () => res.end());
    });
    const client = await Client.connect(server);
    client.send(CHUNKED + chunksOf(1, 100_000));
    const [answer, ...others] = parseResponses(await client.ended);
    expect(others).toEqual([]);
    expect(answer!.status).toBe(400);
    expect(JSON.parse(answer!.body)).toMatchObject({ type: ProblemTypes.invalidRequest, title: 'Bad request' });
    expect(received).toBeLessThan(2_000);
  });

  test('a body in many small chunks is not read if the request has already been answered', async () => {
    const server = await start((_req, res) => void res.end('no'));
    const client = await Client.connect(server);
    client.send(CHUNKED);
    await client.has('no');
    const begunAt = performance.now();
    client.send(chunksOf(1, 100_000));
    await client.ended;
    // The server did not wait for the time limit of requests.
    expect(performance.now() - begunAt).toBeLessThan(8_000);
    expect(parseResponses(client.received)).toMatchObject([{ status: 200 }]);
  });

  test('a body is received completely if its chunks have an ordinary size, or if only a few chunks are small', async () => {
    const server = await start((req, res) => {
      let received = 0;
      req.on('data', (chunk: Buffer) => (received += chunk.length));
      req.on('end', () => res.end(`received ${received}`));
    });
    for (const [bytes, count] of [
      [1, 1_000],
      [300, 5_000],
    ] as const) {
      const client = await Client.connect(server);
      client.send(`${CHUNKED}${chunksOf(bytes, count)}0\r\n\r\n`);
      await client.has(`received ${bytes * count}`);
    }
  });

  test('a connection with many pipelined requests is closed, and few of them are processed', async () => {
    let begun = 0;
    const server = await start(() => void (begun += 1));
    const client = await Client.connect(server);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(10_000));
    expect(await client.ended).toBe('');
    expect(begun).toBeLessThan(20);
  });

  test('a few pipelined requests are answered in order', async () => {
    const server = await start((req, res) => void setTimeout(() => res.end(req.url), 5));
    const client = await Client.connect(server);
    const paths = Array.from({ length: 12 }, (_, index) => `/${index}`);
    client.send(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
    while (parseResponses(client.received).length < paths.length) await once(client.socket, 'data');
    expect(parseResponses(client.received).map(({ body }) => body)).toEqual(paths);
  });
});
