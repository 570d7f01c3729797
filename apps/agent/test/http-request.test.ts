import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { readText, send, type HttpRoute } from '../src/http/http-request.js';
import { NO_PROXIES } from '../src/muster/proxy.js';
import { createMusterRoute } from '../src/muster/route.js';
import { TRUST_DEFAULT } from '../src/muster/trust.js';

const neverAborted = new AbortController().signal;
const get = { method: 'GET', path: '/', signal: neverAborted } as const;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function routeTo(server: Server): Promise<HttpRoute> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const route = createMusterRoute(new URL(`http://127.0.0.1:${port}`), NO_PROXIES, TRUST_DEFAULT);
  closers.push(
    () => new Promise((resolve) => void server.close(resolve)),
    () => route.close(),
  );
  return route;
}

/** Starts a server that answers a request with `bytes` and then passes the connection to `onSent`. */
const serveBytes = (bytes: string, onSent: (socket: Socket) => void): Promise<HttpRoute> =>
  routeTo(createTcpServer((socket) => socket.once('data', () => socket.write(bytes, () => onSent(socket)))));
const serve = (listener: RequestListener): Promise<HttpRoute> => routeTo(createServer(listener));

describe('a connection', () => {
  test('is kept between calls, even after an earlier call was aborted', async () => {
    let connections = 0;
    // The server does not close idle connections during the test, even on a busy machine.
    const server = createServer({ keepAliveTimeout: 120_000 }, (_, response) => response.end('x'));
    server.on('connection', () => connections++);
    const route = await routeTo(server);
    const callSettled = new AbortController();
    expect(await readText(await send(route, { ...get, signal: callSettled.signal }), 9)).toBe('x');
    callSettled.abort();
    for (let i = 0; i < 3; i++) expect(await readText(await send(route, get), 9)).toBe('x');
    expect(connections).toBe(1);
  });

  test('is closed when its route is closed, and calls in flight are rejected', async () => {
    let notifyReceived = (): void => undefined;
    const isReceived = new Promise<void>((resolve) => (notifyReceived = resolve));
    const route = await serve(() => notifyReceived());
    const pendingCall = send(route, get);
    await isReceived;
    route.close();
    await expect(pendingCall).rejects.toThrow('socket hang up');
  });
});

describe('a response', () => {
  test('causes an error if it is truncated', async () => {
    const route = await serveBytes('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf', (socket) => socket.end());
    await expect(readText(await send(route, get), 99)).rejects.toThrow('aborted');
  });

  test('causes an error without being read to its end if it exceeds the limit', async () => {
    let close = (): void => undefined;
    const isClosed = new Promise<void>((resolve) => (close = resolve));
    const route = await serve((_, response) => {
      response.on('close', close);
      // The body continues for as long as the client reads.
      const more = (): void => void response.write('x'.repeat(1_000), more);
      more();
    });
    await expect(readText(await send(route, get), 10_000)).rejects.toThrow('longer than 10000 bytes');
    await isClosed;
  });

  test.each([
    ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
    ['not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['empty', ''],
  ])('causes an error if it is %s', async (_, bytes) => {
    const route = await serveBytes(bytes, (socket) => socket.end());
    await expect(send(route, get)).rejects.toThrow(/./);
  });

  test('that does not end can be aborted with the signal', async () => {
    const route = await serve((_, response) => void response.write('begun'));
    const stop = new AbortController();
    const answer = await send(route, { ...get, signal: stop.signal });
    const reading = readText(answer, 99);
    stop.abort();
    await expect(reading).rejects.toThrow(/abort/);
  });
});

test('a request body is sent in full, with its content length', async () => {
  const receivedBodies: { length: string | undefined; text: string }[] = [];
  const route = await serve((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      receivedBodies.push({ length: request.headers['content-length'], text });
      response.end();
    });
  });
  for (const body of ['żółć', Buffer.from('żółć')]) {
    await readText(await send(route, { ...get, method: 'POST', body }), 0);
  }
  expect(receivedBodies).toEqual([
    { length: '8', text: 'żółć' },
    { length: '8', text: 'żółć' },
  ]);
});
