import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { createTestDatabase, testEngines } from '@muster/db/testing';
import { request, type ClientRequest, type RequestListener } from 'node:http';
import { createApp } from '../src/app.js';
import { serve, type HttpServer } from '../src/http/server.js';
import { withAdmission } from './with-admission.js';
import { container, enrollRequest } from './fixtures.js';
import { TestApi, testClock, type TestOrganization } from './harness.js';

const MIB = 1024 * 1024;

/**
 * In most of these tests, a compromised host or a client without credentials announces bodies and never sends them. The
 * limits have their default values.
 */
describe.each(testEngines())('bodies that are announced but arrive late or never, on %s:', (engine) => {
  let db: Database;
  let app: RequestListener;
  let server: HttpServer;
  let organization: TestOrganization;
  const open: ClientRequest[] = [];

  beforeAll(async () => {
    db = await createTestDatabase(engine);
    const clock = testClock();
    const api = new TestApi(db, createApp({ db, now: clock }), clock);
    app = api.app;
    organization = await api.organization();
    server = await serve(withAdmission(app, {}), { host: '127.0.0.1', port: 0 });
  });
  afterAll(async () => {
    await server.drain(0);
    await db.close();
  });
  afterEach(() => {
    for (const req of open.splice(0)) req.destroy();
  });

  /** Sends request heads that announce bodies of these sizes in bytes, and gives the server 300 ms to read them. */
  async function announce(path: string, bodies: readonly number[], token?: string) {
    for (const bytes of bodies) {
      const { hostname, port } = new URL(server.url);
      const req = request({
        host: hostname,
        port,
        method: 'POST',
        path,
        agent: false,
        headers: {
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
          'Content-Type': 'application/json',
          'Content-Length': bytes,
        },
      });
      req.on('error', () => undefined);
      req.flushHeaders();
      open.push(req);
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }

  const post = (path: string, token: string | null, body: object) =>
    fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { ...(token === null ? {} : { Authorization: `Bearer ${token}` }), 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    }).then(({ status }) => status);
  const [beatBody, name] = [{ digest: null, engineError: 'x' }, 'made meanwhile'];

  // In an earlier version, the bodies of each of these lists exactly filled a pool that all clients shared.
  const SMALL_BODIES = [...Array<number>(124).fill(65_536), 6_144];

  test.each([
    ['five large snapshots', Paths.agentContainers, [...Array<number>(4).fill(10 * MIB), 8_378_368]],
    ['125 small calls', Paths.agentHeartbeat, SMALL_BODIES],
    ['a snapshot to an absolute-form target', `http://x${Paths.agentContainers}`, [8_386_560]],
  ])('%s from one host cannot block other clients', async (_what, path, bodies) => {
    const [loud, victim] = [await organization.enroll(), await organization.enroll()];
    await announce(path, bodies, loud.token);
    expect(await post(Paths.agentContainers, victim.token, [container('a')])).toBe(200);
    expect(await post(Paths.agentHeartbeat, victim.token, beatBody)).toBe(200);
    expect(await post(Paths.enrollmentTokens, organization.adminKey, { name })).toBe(201);
  });

  test.each([Paths.session, Paths.setup, Paths.invitationOffer, Paths.invitationAcceptance])(
    '125 unauthenticated requests to %s whose bodies never arrive block no other request, not even a sign-in',
    async (path) => {
      const victim = await organization.enroll();
      await announce(path, SMALL_BODIES);
      expect(await post(Paths.session, null, { email: 'a@example.com', password: 'not the right one' })).toBe(401);
      expect(await post(Paths.agentHeartbeat, victim.token, beatBody)).toBe(200);
      expect(await post(Paths.enrollmentTokens, organization.adminKey, { name })).toBe(201);
    },
  );

  test('500 hosts behind one address all succeed, even if their bodies arrive slowly', async () => {
    // On a busy machine, it can take long to process 500 snapshots.
    await server.drain(0);
    server = await serve(withAdmission(app, { waitMsMax: 60_000 }), { host: '127.0.0.1', port: 0 });
    const { token: enrollmentToken } = await organization.enrollmentToken({ name: 'fleet', maxUses: 500 });
    const tokens: string[] = [];
    for (let i = 0; i < 500; i++) {
      const answer = await fetch(`${server.url}${Paths.agentEnroll}`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${enrollmentToken}`, 'Content-Type': 'application/json' },
        body: JSON.stringify(enrollRequest()),
      });
      tokens.push(((await answer.json()) as { agentToken: string }).agentToken);
    }
    const body = JSON.stringify([container('a')]);
    const answers = tokens.map((token, index) => {
      const req = request(`${server.url}${Paths.agentContainers}`, {
        method: 'POST',
        agent: false,
        headers: {
          Authorization: `Bearer ${token}`,
          'Content-Type': 'application/json',
          'Content-Length': body.length,
        },
      });
      req.on('error', () => undefined);
      open.push(req);
      req.write(body.slice(0, 10));
      // All bodies are open for half a second. Then they end one by one within 4 s. Even a slow machine keeps up with
      // that. The API checks the rate of a body only in the fifth second in which its process runs.
      setTimeout(() => req.end(body.slice(10)), 500 + 8 * index);
      return new Promise<number | undefined>((resolve) => {
        req.once('response', (res) => resolve(res.resume().statusCode));
      });
    });
    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
  });
});
