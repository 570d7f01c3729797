import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { createTestDatabase, testEngines } from '@muster/db/testing';
import type { Database } from '@muster/db';
import { Writable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import supertest from 'supertest';
import { createApp } from '../src/app.js';
import { issueToken } from '../src/lib/tokens.js';
import { container } from './fixtures.js';
import { useApi } from './harness.js';

const PROBLEM = /^application\/problem\+json$/;

describe.each(testEngines())('HTTP on %s:', (engine) => {
  const context = useApi(engine);
  const bearer = { type: 'bearer' } as const;

  test('an unknown path returns a problem document with the request id', async () => {
    const answer = await context.api.http.get('/nothing').expect(404).expect('Content-Type', PROBLEM);
    const requestId = answer.headers['x-request-id'];
    expect(answer.body).toEqual({
      type: '/problems/not-found',
      title: 'Not found',
      status: 404,
      detail: 'This path does not exist.',
      requestId,
    });
  });

  test.each([
    ['GET', Paths.agentContainers, 'POST'],
    ['DELETE', '/api/hosts', 'GET, HEAD'],
    ['POST', `/api/hosts/00000000-0000-4000-8000-000000000000`, 'DELETE, GET, HEAD, PATCH'],
    ['PUT', Paths.enrollmentTokens, 'GET, HEAD, POST'],
    ['POST', '/healthz', 'GET, HEAD'],
  ])('%s %s is refused with 405 and Allow', async (method, path, allow) => {
    const answer = await context.api.http[method.toLowerCase() as 'get'](path)
      .expect(405)
      .expect('Content-Type', PROBLEM);
    expect(answer.headers['allow']).toBe(allow);
  });

  const otherKinds = () => [issueToken('key').token, issueToken('enroll').token, issueToken('agent').token];

  test.each([
    ['post', Paths.agentContainers],
    ['post', Paths.agentHeartbeat],
    ['post', Paths.agentToken],
    ['post', Paths.agentEnroll],
    ['get', Paths.hosts],
    ['get', Paths.containers],
    ['get', Paths.events],
    ['get', Paths.enrollmentTokens],
    ['post', Paths.enrollmentTokens],
  ] as const)('%s %s without a valid token is refused with 401 and WWW-Authenticate', async (method, path) => {
    const none = await context.api.http[method](path).expect(401).expect('Content-Type', PROBLEM);
    expect(none.headers['www-authenticate']).toBe('Bearer realm="muster"');
    for (const token of ['x', 'muster_agent_x', ...otherKinds()]) {
      const answer = await context.api.http[method](path).auth(token, bearer).expect(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="muster", error="invalid_token"');
      expect(answer.body).toMatchObject({ type: '/problems/token-invalid' });
    }
  });

  test('revoked and expired keys are refused', async () => {
    const { id } = await context.api.organization();
    const past = new Date(context.api.clock().getTime() - 1);
    for (const dates of [{ revokedAt: past }, { expiresAt: past }]) {
      const key = await context.api.apiKey(id, 'admin', dates);
      await context.api.http.get(Paths.hosts).auth(key, bearer).expect(401);
    }
  });

  test('a call without credentials is refused before its body is read', async () => {
    const body = 'x'.repeat(11 * 1024 * 1024);
    await context.api.http.post(Paths.agentContainers).set('Content-Type', 'text/plain').send(body).expect(401);
  });

  describe('a body', () => {
    const enrollHost = async () => (await context.api.organization()).enroll();
    const postRaw = (token: string, headers: Record<string, string>, body: Buffer | string) =>
      context.api.http
        .post(Paths.agentContainers)
        .auth(token, bearer)
        .set(headers)
        .serialize((value) => value as string)
        .send(body);
    const json = { 'Content-Type': 'application/json' };
    const gzip = { ...json, 'Content-Encoding': 'gzip' };

    test('above 10 MiB is refused with 413, and the client receives the response', async () => {
      const host = await enrollHost();
      const answer = await postRaw(host.token, json, `[${' '.repeat(10 * 1024 * 1024)}]`).expect(413);
      expect(answer.body).toMatchObject({ type: '/problems/body-too-large', status: 413 });
    });

    test('is refused with 413 if it decompresses to more than 10 MiB', async () => {
      const host = await enrollHost();
      await postRaw(host.token, gzip, gzipSync(`[${' '.repeat(64 * 1024 * 1024)}]`)).expect(413);
    });

    test('of exactly 10 MiB is accepted', async () => {
      const host = await enrollHost();
      await postRaw(host.token, json, `[${' '.repeat(10 * 1024 * 1024 - 2)}]`).expect(200);
    });

    test.each([
      ['another content type', { 'Content-Type': 'text/plain' }],
      ['another charset', { 'Content-Type': 'application/json; charset=latin1' }],
      ['another encoding', { ...json, 'Content-Encoding': 'br' }],
    ])('in %s is refused with 415', async (_what, headers) => {
      const answer = await postRaw((await enrollHost()).token, headers, '[]').expect(415);
      expect(answer.body).toMatchObject({ type: '/problems/unsupported-media-type' });
    });

    test('in gzip with several members, or declared as x-gzip, is accepted', async () => {
      const host = await enrollHost();
      const members = Buffer.concat(['[', ' '.repeat(200_000), ']'].map((part) => gzipSync(part)));
      await postRaw(host.token, gzip, members).expect(200);
      await postRaw(host.token, { ...json, 'Content-Encoding': 'x-gzip' }, gzipSync('[]')).expect(200);
    });

    test('in gzip is refused with 413 if its members decompress to more than 10 MiB in total', async () => {
      const host = await enrollHost();
      const half = gzipSync(' '.repeat(6 * 1024 * 1024));
      await postRaw(host.token, gzip, Buffer.concat([half, half])).expect(413);
    });

    const gzipBody = gzipSync(JSON.stringify(Array.from({ length: 100 }, (_, i) => container(`c${i}`))));
    test.each([
      ['is cut short', gzipBody.subarray(0, gzipBody.length - 5)],
      ['is cut in half', gzipBody.subarray(0, gzipBody.length / 2)],
      ['has trailing bytes', Buffer.concat([gzipBody, Buffer.from('????')])],
      ['has trailing zeros', Buffer.concat([gzipBody, Buffer.alloc(4)])],
    ])('in gzip that %s is refused with 400, regardless of what its last bytes declare', async (_what, body) => {
      const answer = await postRaw((await enrollHost()).token, gzip, body).expect(400);
      expect(answer.body).toMatchObject({ errors: [{ path: '', message: 'the body is not valid gzip' }] });
    });

    test.each([
      ['broken gzip', gzip, Buffer.from('not gzip'), 'the body is not valid gzip'],
      ['bytes that are not UTF-8', json, Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), 'the body is not valid UTF-8'],
      ['no bytes', json, '', 'the body is not valid JSON'],
      ['10,000 open brackets', json, '['.repeat(10_000), 'the body is not valid JSON'],
    ])('of %s is refused with 400', async (_what, headers, body, message) => {
      const answer = await postRaw((await enrollHost()).token, headers, body).expect(400);
      expect(answer.body).toMatchObject({ errors: [{ path: '', message }] });
    });

    test('nested 100,000 levels deep is refused with 400', async () => {
      const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
      await postRaw((await enrollHost()).token, json, deep).expect(400);
      await postRaw((await enrollHost()).token, json, `[{"labels":${deep}}]`).expect(400);
    });

    test('of 5,000 invalid rows is refused with the first 20 errors', async () => {
      const host = await enrollHost();
      const body = JSON.stringify(Array.from({ length: 5000 }, () => ({})));
      const answer = await postRaw(host.token, json, body).expect(400);
      expect((answer.body as { errors: unknown[] }).errors).toHaveLength(20);
    });
  });

  /** The headers of the OWASP REST Security Cheat Sheet, except HSTS, which is for https. */
  const SECURITY_HEADERS = {
    'content-security-policy': "default-src 'none';frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  };

  test('every response has the security headers, does not identify the server software and allows no other origin', async () => {
    const organization = await context.api.organization();
    const { headers: answer } = await organization.get(Paths.hosts).set('Origin', 'https://evil.example').expect(200);
    const { headers: health } = await context.api.http.get('/healthz').expect(200);
    const { headers: problem } = await context.api.http.get('/nothing').expect(404);
    const { headers: refused } = await context.api.http.post(Paths.agentHeartbeat).expect(401);
    for (const headers of [answer, health, problem, refused]) {
      expect(headers).toMatchObject(SECURITY_HEADERS);
      expect(headers['content-type']).toMatch(/^application\/(problem\+)?json/);
      for (const name of ['x-powered-by', 'server', 'strict-transport-security']) expect(headers[name]).toBeUndefined();
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
    // A client may store the response to a read and revalidate it with its ETag. No other response may be stored.
    expect(answer['cache-control']).toBe('private, no-cache');
    for (const headers of [health, problem, refused]) expect(headers['cache-control']).toBe('no-store');
  });

  test('with an https public URL, responses have an HSTS header', async () => {
    const answer = await supertest(createApp({ db: context.api.db, publicUrl: 'https://muster.example' })).get(
      '/healthz',
    );
    expect(answer.headers['strict-transport-security']).toBe('max-age=63072000');
  });

  test.each([
    [Paths.hosts, 405, 'GET, HEAD'],
    [Paths.agentContainers, 405, 'POST'],
    ['/nothing', 404, undefined],
  ])('a CORS preflight for %s gets status %d and allows nothing', async (path, status, allow) => {
    const answer = await context.api.http
      .options(path)
      .set({ Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST' })
      .expect(status)
      .expect('Content-Type', PROBLEM);
    expect(answer.headers['allow']).toBe(allow);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });

  test('a malformed path is refused with 400, not 500', async () => {
    const organization = await context.api.organization();
    const answer = await organization.get('/api/hosts/%E0%A4%A').expect(400);
    expect(answer.body).toMatchObject({ type: '/problems/invalid-request' });
  });

  test('/readyz returns 200 while the database is reachable', async () => {
    await context.api.http.get(Paths.ready).expect(200);
  });
});

describe.each(testEngines())('secrets and failures on %s:', (engine) => {
  let db: Database;
  beforeAll(async () => {
    db = await createTestDatabase(engine);
  });
  afterAll(() => db.close());

  const captureLog = () => {
    const lines: string[] = [];
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        lines.push(chunk.toString());
        done();
      },
    });
    return { lines, logger: pino({ level: 'trace' }, stream) };
  };

  test('no token, query or header is logged', async () => {
    const { lines, logger } = captureLog();
    const http = supertest(createApp({ db, logger }));
    const { token } = issueToken('agent');
    await http
      .post(Paths.agentContainers)
      .auth(token, { type: 'bearer' })
      .send([container('a')])
      .expect(401);
    await http.get('/api/containers?q=secret-query').set('Cookie', 'session=secret-cookie').expect(401);
    expect(lines.length).toBeGreaterThanOrEqual(2);
    expect(lines.join('')).toContain('/api/containers');
    for (const secret of [token, 'secret-query', 'secret-cookie']) expect(lines.join('')).not.toContain(secret);
  });

  test('a draining process is not ready and closes its connections', async () => {
    const http = supertest(createApp({ db, isDraining: () => true }));
    const answer = await http.get(Paths.ready).expect(503).expect('Content-Type', PROBLEM);
    expect(answer.headers).toMatchObject({ connection: 'close', 'retry-after': expect.any(String) });
    await http.get(Paths.health).expect(200);
  });

  test('the response to an internal error contains only a request id, which the log entry also contains', async () => {
    const { lines, logger } = captureLog();
    const failing = await createTestDatabase(engine);
    await failing.prisma.$executeRawUnsafe('DROP TABLE api_keys');
    const http = supertest(createApp({ db: failing, logger }));
    const answer = await http.get(Paths.hosts).auth(issueToken('key').token, { type: 'bearer' }).expect(500);
    await failing.close();
    const { requestId } = answer.body as { requestId: string };
    expect(answer.text).not.toMatch(/api_keys|prisma|select/i);
    expect(lines.some((line) => line.includes(requestId) && line.includes('api_keys'))).toBe(true);
  });
});
