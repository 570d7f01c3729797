import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths, type Problem } from '@muster/contracts';
import type { Database } from '@muster/db';
import { createTestDatabase, testEngines } from '@muster/db/testing';
import {
  request,
  type ClientRequest,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { json } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import express from 'express';
import { pino } from 'pino';
import supertest from 'supertest';
import { createApp } from '../src/app.js';
import { OverloadedError } from '../src/errors.js';
import { issueToken } from '../src/lib/tokens.js';
import { handleErrors } from '../src/http/problem.js';
import { requestLog } from '../src/http/request-log.js';
import { securityHeaders } from '../src/http/security-headers.js';
import { serve, type HttpServer } from '../src/http/server.js';
import { createMetrics, type Metrics } from '../src/services/metrics/metrics.js';
import { withAdmission } from './with-admission.js';
import { TestApi, testClock, type TestHost, type TestOrganization } from './harness.js';

const MIB = 1024 * 1024;
/** The size of a body that is sent slowly. At the rate of `startUpload`, it lasts longer than a request may take. */
const UPLOAD_BYTES = MIB;

/** Waits until `count` promises are fulfilled, and resolves with their values. */
const firstFulfilled = <T>(count: number, promises: readonly Promise<T>[]): Promise<T[]> =>
  new Promise((resolve) => {
    const fulfilled: T[] = [];
    for (const promise of promises) {
      void promise.then((value) => {
        if (fulfilled.push(value) === count) resolve([...fulfilled]);
      });
    }
  });

/**
 * Limits under which four small calls, two snapshots, one operator call, one call without credentials, and 24 MiB of
 * snapshot bodies are admitted at a time. Other calls wait for a long time, because the machine may be busy.
 */
const ADMISSION = {
  requestsInWorkMax: 8,
  waitingPerRequestMax: 2,
  bodyBytesInWorkMax: 32 * MIB,
  waitMsMax: 60_000,
};

describe.each(testEngines())('admission on %s', (engine) => {
  let db: Database;
  let server: HttpServer;
  let metrics: Metrics;
  let organization: TestOrganization;
  const open: ClientRequest[] = [];

  beforeAll(async () => {
    db = await createTestDatabase(engine);
  });
  afterAll(() => db.close());
  beforeEach(async () => {
    const clock = testClock();
    const app = createApp({ db, now: clock });
    organization = await new TestApi(db, app, clock).organization();
    metrics = createMetrics();
    server = await serve(withAdmission(app, ADMISSION, metrics), { host: '127.0.0.1', port: 0 });
  });
  afterEach(async () => {
    for (const req of open.splice(0)) req.destroy();
    await server.drain(0);
  });

  /** Opens a request on its own connection. The caller sends the body. */
  function startRequest(method: string, path: string, token: string, headers: Record<string, string | number> = {}) {
    const req = request(`${server.url}${path}`, {
      method,
      agent: false,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', ...headers },
    });
    req.on('error', () => undefined);
    open.push(req);
    return req;
  }

  async function answerTo(req: ClientRequest) {
    // `once` of node:events would reject if the test destroyed the request before its response.
    const res = await new Promise<IncomingMessage>((resolve) => void req.once('response', resolve));
    res.resume();
    return { status: res.statusCode ?? 0, headers: res.headers };
  }

  const get = (path: string) => answerTo(startRequest('GET', path, organization.adminKey).end());
  const snapshot = (host: TestHost, body: Buffer | string, headers: Record<string, string> = {}) =>
    answerTo(startRequest('POST', Paths.agentContainers, host.token, headers).end(body));
  const beat = (host: TestHost) =>
    answerTo(startRequest('POST', Paths.agentHeartbeat, host.token).end('{"digest":null,"engineError":"x"}'));

  /**
   * Begins to send a snapshot, and then sends more bytes per second than the API requires. Returns a function that sends
   * the rest.
   */
  function startUpload(host: TestHost) {
    const req = startRequest('POST', Paths.agentContainers, host.token, { 'Content-Length': UPLOAD_BYTES });
    req.write('[');
    let sent = 1;
    const timer = setInterval(() => {
      req.write(' '.repeat(2_048));
      sent += 2_048;
    }, 200);
    const stop = () => clearInterval(timer);
    req.once('close', stop);
    return {
      answer: () => answerTo(req),
      finish() {
        stop();
        return answerTo(req.end(`${' '.repeat(UPLOAD_BYTES - sent - 1)}]`));
      },
    };
  }

  /** Locks a table, so that its readers wait until the returned function is called. */
  async function lockTable(table: 'api_keys' | 'containers') {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let isLocked: () => void = () => undefined;
    const locked = new Promise<void>((resolve) => (isLocked = resolve));
    const done = db.prisma.$transaction(async (tx) => {
      await tx.$executeRawUnsafe(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
      isLocked();
      await released;
    });
    await locked;
    return async () => {
      release();
      await done;
    };
  }

  /** Keeps operators' calls waiting until the returned function is called. */
  const keepOperatorsWaiting = () => lockTable('api_keys');

  /** Waits until `count` statements wait for a lock. */
  async function waitForLocks(count: number): Promise<void> {
    for (let waiting = 0; waiting < count;) {
      const [row] = await db.prisma.$queryRaw<{ waiting: number }[]>`
        SELECT count(*)::int AS waiting FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      waiting = row!.waiting;
    }
  }

  test('immediately refuses excess calls with 503 and Retry-After, and processes the admitted calls', async () => {
    const host = await organization.enroll();
    const unlock = await keepOperatorsWaiting();
    const answers = Array.from({ length: 5 }, () => get(Paths.hosts));
    // One call is in progress, two calls wait, and two calls are refused.
    for (const { status, headers } of await firstFulfilled(2, answers)) {
      expect(status).toBe(503);
      expect(headers['content-type']).toBe('application/problem+json');
      expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(2);
    }
    expect((await get(Paths.health)).status).toBe(200);
    // The embedded database has one connection, which is busy.
    if (engine !== 'pglite') expect((await beat(host)).status).toBe(200);
    await unlock();
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 200, 200, 503, 503]);
  });

  // The embedded database has one connection, so the lock of the test would also delay authentication.
  if (engine !== 'pglite') {
    test('authenticates agents while the maximum number of snapshots waits for the database', async () => {
      const hosts = await Promise.all(Array.from({ length: 5 }, () => organization.enroll()));
      await server.drain(0);
      // With this limit, up to five snapshots are admitted at the same time, but only three of them are processed.
      const app = createApp({ db, now: testClock() });
      const options = { requestsInWorkMax: 16, waitMsMax: 60_000 };
      server = await serve(withAdmission(app, options, metrics), { host: '127.0.0.1', port: 0 });
      const unlock = await lockTable('containers');
      const answers = hosts.map((host) => snapshot(host, '[]'));
      await waitForLocks(3);
      const unknownToken = startRequest('POST', Paths.agentContainers, issueToken('agent').token).end('[]');
      expect((await answerTo(unknownToken)).status).toBe(401);
      await unlock();
      expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    });
  }

  test('applies the limit of a path to requests with an absolute-form target', async () => {
    const unlock = await keepOperatorsWaiting();
    const whole = `http://muster.example${Paths.hosts}`;
    const { port } = new URL(server.url);
    const answers = Array.from({ length: 5 }, () => {
      const headers = { Authorization: `Bearer ${organization.adminKey}` };
      const req = request({ host: '127.0.0.1', port, path: whole, headers, agent: false });
      req.on('error', () => undefined);
      open.push(req);
      return answerTo(req.end());
    });
    expect((await firstFulfilled(2, answers)).map(({ status }) => status)).toEqual([503, 503]);
    await unlock();
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 200, 200, 503, 503]);
  });

  test('refuses calls with the same error response as the application, whether immediately or after a wait', async () => {
    await server.drain(0);
    const app = withAdmission(createApp({ db, now: testClock() }), { ...ADMISSION, waitMsMax: 2_000 }, metrics);
    server = await serve(app, { host: '127.0.0.1', port: 0 });
    const unlock = await keepOperatorsWaiting();
    const calls = Array.from({ length: 5 }, () =>
      fetch(`${server.url}${Paths.hosts}`, { headers: { Authorization: `Bearer ${organization.adminKey}` } }),
    );
    // Two calls find the queue full, and two calls wait for the maximum time.
    const refused = await firstFulfilled(4, calls);
    await unlock();
    await Promise.all(calls);
    const overloadedApp = express().use(
      requestLog(pino({ level: 'silent' })),
      securityHeaders({ isHttps: false }),
      () => {
        throw new OverloadedError();
      },
      handleErrors(pino({ level: 'silent' }), () => false),
    );
    const { body, headers } = await supertest(overloadedApp).get(Paths.hosts).expect(503);
    const variableHeaders = { date: '', 'x-request-id': '', 'retry-after': '', connection: '', 'keep-alive': '' };
    for (const answer of refused) {
      expect(answer.status).toBe(503);
      expect({ ...Object.fromEntries(answer.headers), ...variableHeaders }).toEqual({ ...headers, ...variableHeaders });
      const requestId = answer.headers.get('x-request-id');
      expect(await answer.json()).toEqual({ ...(body as Problem), requestId });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(2);
    }
    expect((await metrics.read()).text).toContain('status="503"} 4');
  });

  test('releases the slot of a disconnected client only after the API has finished the work for this client', async () => {
    const unlock = await keepOperatorsWaiting();
    const requests = Array.from({ length: 5 }, () => startRequest('GET', Paths.hosts, organization.adminKey).end());
    const answered = requests.map(async (req) => {
      await answerTo(req);
      return req;
    });
    const refused = await firstFulfilled(2, answered);
    for (const req of requests.filter((each) => !refused.includes(each))) req.destroy();
    await unlock();
    // The first 200 response comes after the canceled requests have ended. After that, three calls are admitted again.
    while ((await get(Paths.hosts)).status !== 200) continue;
    const answers = await Promise.all([get(Paths.hosts), get(Paths.hosts), get(Paths.hosts)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  test('does not let a slow upload block other hosts', async () => {
    const quick = await organization.enroll();
    const slow = await Promise.all(Array.from({ length: 5 }, () => organization.enroll()));
    const uploads = slow.map(startUpload);
    expect((await snapshot(quick, '[]')).status).toBe(200);
    const statuses = await Promise.all(uploads.map((upload) => upload.finish()));
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  });

  test('receives one body of a host at a time, and refuses a second body with 429 after a wait', async () => {
    const [host, other] = [await organization.enroll(), await organization.enroll()];
    const first = startUpload(host);
    // Waits until a later heartbeat of another host is answered. By then, the server has received the start of the
    // first body.
    while ((await beat(other)).status !== 200) continue;
    const second = await startUpload(host).answer();
    expect(second.status).toBe(429);
    expect(Number(second.headers['retry-after'])).toBeGreaterThan(0);
    expect((await snapshot(other, '[]')).status).toBe(200);
    expect((await first.finish()).status).toBe(200);
    expect((await startUpload(host).finish()).status).toBe(200);
  });

  test('receives more bodies than fit in memory by making some of them wait', async () => {
    // Before the first body arrives, at most six requests can be in progress or wait, so a seventh might be refused.
    const hosts = await Promise.all(Array.from({ length: 6 }, () => organization.enroll()));
    const body = `[${' '.repeat(9 * MIB)}]`;
    const answers = await Promise.all(hosts.map((host) => snapshot(host, body)));
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200));
  });

  test('responds with 408 to a body that arrives too slowly, and closes the connection', async () => {
    const host = await organization.enroll();
    const req = startRequest('POST', Paths.agentContainers, host.token, { 'Content-Length': 10 * MIB });
    const trickle = setInterval(() => req.write(' '.repeat(100)), 500);
    const answer = await new Promise<IncomingMessage>((resolve) => void req.once('response', resolve));
    clearInterval(trickle);
    const problem = (await json(answer)) as Problem;
    expect(problem).toMatchObject({ type: '/problems/request-timeout', status: 408 });
    // A request that is still incomplete after 15 s gets a different message.
    expect(problem.detail).toContain('1 KiB per second');
    expect(answer.headers).toMatchObject({ connection: 'close', 'content-type': 'application/problem+json' });
    expect((await snapshot(host, '[]')).status).toBe(200);
  });

  test('refuses a gzip body that states a wrong size', async () => {
    const host = await organization.enroll();
    const gzip = { 'Content-Encoding': 'gzip' };
    const bomb = gzipSync(`[${' '.repeat(9 * MIB)}]`);
    expect((await snapshot(host, bomb, gzip)).status).toBe(200);
    bomb.writeUInt32LE(100, bomb.length - 4);
    expect((await snapshot(host, bomb, gzip)).status).toBe(400);
    bomb.writeUInt32LE(0xffffffff, bomb.length - 4);
    expect((await snapshot(host, bomb, gzip)).status).toBe(400);
  });
});

describe('a flood of calls without credentials', () => {
  const held: ServerResponse[] = [];
  let server: HttpServer | undefined;
  afterEach(async () => {
    for (const res of held.splice(0)) res.end();
    await server?.drain(0);
  });

  test.each([
    { method: 'GET', path: '/no/such/path', inWork: 2 },
    { method: 'GET', path: '/agent-release/muster-agent', inWork: 2 },
    { method: 'GET', path: '/assets/app.js', inWork: 2 },
    { method: 'GET', path: Paths.hosts, inWork: 1 },
    { method: 'POST', path: Paths.session, inWork: 1 },
    { method: 'POST', path: Paths.invitationAcceptance, inWork: 1 },
  ])(
    'to $method $path is refused above a limit and takes no capacity from calls with credentials',
    async ({ method, path, inWork }) => {
      let isHeld = true;
      const app: RequestListener = (req, res) => {
        if (isHeld && req.url === path && req.headers.authorization === undefined) held.push(res);
        else res.end();
      };
      server = await serve(withAdmission(app, ADMISSION), { host: '127.0.0.1', port: 0 });
      const { url } = server;
      // For each call that can be in progress, two more calls can wait.
      const answers = Array.from({ length: 4 * inWork }, () => fetch(`${url}${path}`, { method }));
      for (const { status, headers } of await firstFulfilled(inWork, answers)) {
        expect(status).toBe(503);
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      }
      expect(held).toHaveLength(inWork);
      for (const other of [Paths.health, Paths.hosts, Paths.agentHeartbeat]) {
        expect((await fetch(`${url}${other}`, { headers: { Authorization: 'Bearer x' } })).status).toBe(200);
      }
      isHeld = false;
      for (const res of held.splice(0)) res.end();
      const statuses = (await Promise.all(answers)).map(({ status }) => status);
      expect(statuses.filter((status) => status === 503)).toHaveLength(inWork);
    },
  );
});
