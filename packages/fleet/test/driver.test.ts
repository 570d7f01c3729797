import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { drive, type Load } from '../src/load/driver.js';
import { createFleet, type FleetShape, type LoadHost } from '../src/load/host.js';

interface ReceivedRequest {
  path: string;
  token: string;
  sequence: number;
  socket: Socket;
}
interface FakeAnswer {
  status?: number;
  headers?: Record<string, string>;
  body?: object;
  delayMs?: number;
}

const stops: (() => void)[] = [];
afterEach(() => stops.splice(0).forEach((stop) => stop()));

/** Starts a server that sends the responses of `answerTo`, or closes the connection if `answerTo` returns null. */
async function fakeServer(answerTo: (count: number, request: IncomingMessage) => FakeAnswer | null) {
  const received: ReceivedRequest[] = [];
  const server = createServer((req, res) => {
    const { authorization = '', 'snapshot-sequence': sequence } = req.headers;
    received.push({ path: req.url!, token: authorization, sequence: Number(sequence), socket: req.socket });
    req.resume().on('end', () => {
      const answer = answerTo(received.length, req);
      if (answer === null) {
        req.socket.destroy();
        return;
      }
      const { status = 200, headers = {}, body = { applied: true }, delayMs = 0 } = answer;
      setTimeout(() => {
        const text = JSON.stringify(body);
        res.writeHead(status, { 'content-length': Buffer.byteLength(text), ...headers }).end(text);
      }, delayMs);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => void server.close().closeAllConnections());
  return { port: (server.address() as AddressInfo).port, received };
}

const hostsOf = (count: number) => Array.from({ length: count }, (_, i) => ({ id: `host-${i}`, token: `token-${i}` }));
const workload = (count: number): LoadHost[] =>
  createFleet({ content: 'workload', hosts: hostsOf(count), seed: 1, containers: 5, mix: 'running' });
const numbered = (count: number): LoadHost[] =>
  createFleet({ content: 'numbered', hosts: hostsOf(count) } satisfies FleetShape);

const ONCE: Omit<Load, 'port'> = { connections: 1, traffic: { kind: 'unchanged' }, until: { perHost: 1 } };

describe('with the load driver', () => {
  test('each host sends on one connection, in the order of its sequence numbers', async () => {
    const { port, received } = await fakeServer(() => ({}));
    const result = await drive(workload(5), { ...ONCE, port, connections: 2, until: { perHost: 3 } });
    expect(result).toMatchObject({ sent: 15, ok: 15, refused: 0, wrong: 0, firstWrong: null, lastNotOkMs: 0 });
    expect(new Set(received.map(({ socket }) => socket)).size).toBe(2);
    for (let host = 0; host < 5; host++) {
      const own = received.filter(({ token }) => token === `Bearer token-${host}`);
      expect(own.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
      expect(new Set(own.map(({ socket }) => socket)).size).toBe(1);
    }
  });

  test('there are no more connections than hosts, except in a storm', async () => {
    const { port, received } = await fakeServer(() => ({}));
    await drive(workload(2), { ...ONCE, port, connections: 4 });
    expect(received).toHaveLength(2);
    await drive(numbered(2), { ...ONCE, port, connections: 4, traffic: { kind: 'mix' }, isStorm: true });
    expect(new Set(received.slice(2).map(({ socket }) => socket)).size).toBe(4);
  });

  test('a removal is sent by each host whose number is a multiple of `every`', async () => {
    const { port, received } = await fakeServer(() => ({}));
    await drive(workload(5), { ...ONCE, port, traffic: { kind: 'removal', absent: 1, every: 2 } });
    expect(received.map(({ token }) => token)).toEqual(['Bearer token-0', 'Bearer token-2', 'Bearer token-4']);
  });

  test.each([
    { answer: { status: 503, headers: { 'retry-after': '1' } }, refusedWithoutRetryAfter: 0 },
    { answer: { status: 503 }, refusedWithoutRetryAfter: 1 },
    { answer: { status: 429, headers: { 'retry-after': '1' } }, refusedWithoutRetryAfter: 0 },
  ])('a storm counts $answer only as a refusal', async ({ answer, refusedWithoutRetryAfter }) => {
    const { port } = await fakeServer((_count, { url }) => (url === '/healthz' ? {} : answer));
    const result = await drive(numbered(1), { ...ONCE, port, isStorm: true });
    const counts = { sent: 1, ok: 0, refused: 1, refusedWithoutRetryAfter, wrong: 0 };
    expect(result).toMatchObject({ ...counts, okMs: { p99: NaN, max: NaN } });
    expect(result.lastNotOkMs).toBeGreaterThan(0);
  });

  test.each([
    { status: 503, refused: 1, wrong: 0 },
    { status: 429, refused: 0, wrong: 1 },
  ])(
    'outside a storm, the status $status counts as $refused refused and $wrong wrong responses',
    async ({ status, ...counts }) => {
      const { port } = await fakeServer(() => ({ status }));
      expect(await drive(workload(1), { ...ONCE, port })).toMatchObject({ sent: 1, ok: 0, ...counts });
    },
  );

  test('a change counts as progress even if its snapshot is refused', async () => {
    const { port } = await fakeServer((count) => (count === 2 ? { status: 503 } : {}));
    const hosts = workload(1);
    const traffic = { kind: 'changed', change: 'restarted', percent: 20 } as const;
    await drive(hosts, { ...ONCE, port, traffic, until: { perHost: 3 } });
    expect(hosts[0]!.progress.restarts).toBe(3);
  });

  test.each([
    {
      what: 'an answer that applied nothing',
      answer: { body: { applied: false } },
      ok: 1,
      reason: '{"applied":false}',
    },
    { what: 'another status', answer: { status: 500, body: {} }, ok: 0, reason: '500 {}' },
    {
      what: 'a request for a snapshot',
      answer: { body: { snapshotRequired: true } },
      ok: 1,
      reason: '"snapshotRequired"',
    },
    { what: 'a broken connection', answer: null, ok: 0, reason: 'closed the connection' },
  ])('$what counts as a wrong response', async ({ answer, ok, reason }) => {
    const { port } = await fakeServer(() => answer);
    const result = await drive(workload(1), { ...ONCE, port });
    expect(result).toMatchObject({ sent: 1, ok, refused: 0, wrong: 1 });
    expect(result.firstWrong).toContain(reason);
  });

  test('in a storm with several connections per host, a snapshot that is not applied is not a wrong response', async () => {
    const { port } = await fakeServer(() => ({ body: { applied: false } }));
    const load: Omit<Load, 'port'> = { ...ONCE, connections: 2, traffic: { kind: 'mix' }, isStorm: true };
    expect(await drive(numbered(1), { ...load, port })).toMatchObject({ ok: 2, wrong: 0 });
    expect(await drive(numbered(2), { ...load, port })).toMatchObject({ wrong: 2 });
  });

  test('a latency is measured from the request to the response, in ms', async () => {
    const { port } = await fakeServer(() => ({ delayMs: 50 }));
    const { okMs } = await drive(workload(1), { ...ONCE, port });
    expect(okMs.p50).toBeGreaterThanOrEqual(49);
    expect(okMs.max).toBeLessThan(1_000);
  });

  test('at a fixed rate, the latency of a late request counts from its due time, but a storm skips late requests', async () => {
    const { port } = await fakeServer((count) => ({ delayMs: count === 1 ? 450 : 0 }));
    const paced: Omit<Load, 'port'> = { ...ONCE, perSecond: 50, until: { durationMs: 600 } };
    const counts = await drive(workload(1), { ...paced, port });
    // About 22 of 30 requests were due before the first response, so the median latency is about 150 ms.
    expect(counts.okMs.p50).toBeGreaterThan(20);
    // In a storm, the first request is the call to /healthz, so the server delays the second request.
    const slow = await fakeServer((count) => ({ delayMs: count === 2 ? 450 : 0 }));
    const skipped = await drive(workload(1), { ...paced, port: slow.port, isStorm: true });
    expect(skipped.okMs.p50).toBeLessThan(20);
    expect(skipped.sent).toBeLessThan(counts.sent);
  });

  test('a storm first sends a request on each connection, which does not count', async () => {
    const { port, received } = await fakeServer(() => ({}));
    const result = await drive(workload(2), { ...ONCE, port, connections: 2, isStorm: true });
    expect(received.slice(0, 2).map(({ path }) => path)).toEqual(['/healthz', '/healthz']);
    expect(result.sent).toBe(2);
  });
});
