import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '../src/child-process.js';
import { BrokenCallError, createHttp, type Call, type Http, type Reply } from '../src/http.js';

/** The requests that the server received completely. */
const received: { method: string; path: string; headers: IncomingMessage['headers']; body: string }[] = [];
const results: (Reply | BrokenCallError)[] = [];

const server = createServer((req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const { method = '', url: path = '', headers } = req;
    received.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
    if (path.endsWith('/silent')) return;
    if (path.endsWith('/half'))
      return void res.writeHead(200, { 'content-length': '10' }).write('half', () => res.destroy());
    res.writeHead(503, { 'retry-after': '7', 'content-type': 'application/json' }).end('{"title":"busy"}');
  });
});

let http: Http;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  http = createHttp(`http://127.0.0.1:${port}/base/`, { observe: (_call, result) => void results.push(result) });
});
afterAll(async () => {
  await http.close();
  server.closeAllConnections();
  server.close();
});

test('send returns a response with any status, and sends the token and the JSON body', async () => {
  const reply = await http.send({
    method: 'POST',
    path: '/a?b=c',
    token: 't',
    headers: { 'X-Other': 'o' },
    body: '{}',
  });
  expect(reply).toMatchObject({ status: 503, text: '{"title":"busy"}', headers: { 'retry-after': '7' } });
  expect(results.at(-1)).toBe(reply);
  expect(received.at(-1)).toMatchObject({
    ...{ method: 'POST', path: '/base/a?b=c', body: '{}' },
    headers: { authorization: 'Bearer t', 'content-type': 'application/json', 'content-length': '2', 'x-other': 'o' },
  });
});

test('a content type in the headers replaces the default JSON type', async () => {
  await http.send({ method: 'POST', path: '/', headers: { 'Content-Type': 'text/plain' }, body: Buffer.from('text') });
  expect(received.at(-1)!.headers['content-type']).toBe('text/plain');
});

test.each<[string, Call, string]>([
  ['breaks', { path: '/half' }, 'UND_ERR_SOCKET'],
  ['does not begin in time', { path: '/silent', timeoutMs: 200 }, 'UND_ERR_HEADERS_TIMEOUT'],
  ['is lost after the request was sent', { path: '/silent', lose: 'when-sent' }, 'LOST'],
  ['is lost when it begins', { path: '/', lose: 'when-answered' }, 'LOST'],
])('a call whose response %s fails after the server has received the request', async (_what, call, code) => {
  await expect(http.send({ ...call, method: 'POST', body: 'x'.repeat(100_000) })).rejects.toThrow(BrokenCallError);
  expect(results.at(-1)).toMatchObject({ code });
  // On a busy machine, the call can fail before the server has read what it has received.
  await eventually(() =>
    expect(received.at(-1)).toMatchObject({ path: `/base${call.path}`, body: 'x'.repeat(100_000) }),
  );
});

test('the error of a refused connection has the error code of the operating system', async () => {
  const closed = createHttp('http://127.0.0.1:1');
  await expect(closed.send({ path: '/' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await closed.close();
});
