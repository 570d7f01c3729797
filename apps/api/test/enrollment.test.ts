import { describe, expect, test } from '@jest/globals';
import { Paths, tokenKind } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { createApp } from '../src/app.js';
import { container, enrollRequest } from './fixtures.js';
import { clocksOf, TestApi, TestHost, useApi, type TestOrganization } from './harness.js';

describe.each(testEngines())('enrollment on %s:', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const enroll = (token: string, request: object) =>
    context.api.http.post(Paths.agentEnroll).auth(token, { type: 'bearer' }).send(request);
  const post = (token: string) => context.api.http.post(Paths.agentContainers).auth(token, { type: 'bearer' }).send([]);
  const hostOf = (organization: TestOrganization, body: unknown) => {
    const { hostId, agentToken } = body as { hostId: string; agentToken: string };
    return new TestHost(organization, hostId, agentToken);
  };

  test('creates a host for a machine and issues an agent token', async () => {
    const organization = await context.api.organization();
    const { token } = await organization.enrollmentToken();
    const answer = await enroll(token, enrollRequest({ name: 'web-1' })).expect(201);
    const { hostId, agentToken, cadence } = answer.body as { hostId: string; agentToken: string; cadence: object };
    expect(tokenKind(agentToken)).toBe('agent');
    expect(cadence).toEqual({ heartbeatSeconds: 10, snapshotSeconds: 60 });
    expect((await organization.get(`/api/hosts/${hostId}`).expect(200)).body).toMatchObject({
      id: hostId,
      name: 'web-1',
      freshness: 'never',
      containerCount: 0,
      os: 'Debian GNU/Linux 12',
      engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' },
    });
  });

  test('100 parallel uses of a single-use token enroll exactly one host', async () => {
    const organization = await context.api.organization();
    const { token } = await organization.enrollmentToken();
    const answers = await Promise.all(Array.from({ length: 100 }, () => enroll(token, enrollRequest())));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.filter((status) => status === 401)).toHaveLength(99);
    const where = { organizationId: organization.id };
    expect(await context.api.db.prisma.host.count({ where })).toBe(1);
    expect(await context.api.db.prisma.enrollmentToken.findFirst({ where })).toMatchObject({ uses: 1 });
  });

  test('parallel calls for one machine create one host, and exactly one of the issued tokens works', async () => {
    const organization = await context.api.organization();
    const { token } = await organization.enrollmentToken();
    const request = enrollRequest();
    const answers = await Promise.all(Array.from({ length: 10 }, () => enroll(token, request)));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(9).fill(200), 201]);
    const tokens = answers.map(({ body }) => (body as { agentToken: string }).agentToken);
    const accepted = [];
    for (const agentToken of tokens) if ((await post(agentToken)).status === 200) accepted.push(agentToken);
    expect(accepted).toHaveLength(1);
  });

  test('until the agent token is first used, a call may be repeated without consuming another use of the enrollment token', async () => {
    const organization = await context.api.organization();
    const { token } = await organization.enrollmentToken();
    const request = enrollRequest();
    const first = hostOf(organization, (await enroll(token, request).expect(201)).body);
    const second = hostOf(organization, (await enroll(token, request).expect(200)).body);
    expect(second.id).toBe(first.id);
    await post(first.token).expect(401);
    await post(second.token).expect(200);
    await enroll(token, request).expect(401);
  });

  test('a repeated enrollment adds no token and no audit entry, and is rate-limited', async () => {
    const organization = await context.api.organization();
    const { token } = await organization.enrollmentToken();
    const request = enrollRequest();
    const first = hostOf(organization, (await enroll(token, request).expect(201)).body);
    const { prisma } = context.api.db;
    const rows = async () => [
      await prisma.agentToken.count({ where: { hostId: first.id } }),
      await prisma.auditEntry.count({ where: { organizationId: organization.id } }),
    ];
    const before = await rows();
    for (let repeat = 1; repeat < 20; repeat++) await enroll(token, request).expect(200);
    expect(await rows()).toEqual(before);

    const refused = await enroll(token, request).expect(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    context.api.clock.advance(60_000);
    const last = hostOf(organization, (await enroll(token, request).expect(200)).body);
    await post(first.token).expect(401);
    await post(last.token).expect(200);
    await enroll(token, request).expect(401);
  });

  test('500 hosts behind one address can enroll with one token', async () => {
    const organization = await context.api.organization();
    const { token } = await organization.enrollmentToken({ name: 'fleet', maxUses: 500 });
    for (let batch = 0; batch < 25; batch++) {
      await Promise.all(Array.from({ length: 20 }, () => enroll(token, enrollRequest()).expect(201)));
    }
  });

  test('an agent token that is used during a repeated enrollment either stays valid or is replaced by the new token', async () => {
    const organization = await context.api.organization();
    const { token } = await organization.enrollmentToken();
    const request = enrollRequest();
    const first = hostOf(organization, (await enroll(token, request).expect(201)).body);
    const [repeat] = await Promise.all([enroll(token, request), post(first.token)]);
    if (repeat.status === 401) {
      await post(first.token).expect(200);
    } else {
      await post(first.token).expect(401);
      await post(hostOf(organization, repeat.body).token).expect(200);
    }
  });

  test.each([1, 5])('an enrollment token for %d host(s) cannot take over a host that is alive', async (maxUses) => {
    const organization = await context.api.organization();
    const request = enrollRequest();
    const host = hostOf(organization, (await enroll((await organization.enrollmentToken()).token, request)).body);
    await host.sync([]);
    context.api.clock.advance(12_500);
    const { token } = await organization.enrollmentToken({ name: 'another', maxUses });
    const answer = await enroll(token, request).expect(409);
    expect(answer.body).toMatchObject({ type: '/problems/engine-id-in-use' });
    // A host counts as alive for three heartbeat intervals (30 s), of which 12.5 s have passed.
    expect(answer.headers['retry-after']).toBe('18');
    await host.post([]).expect(200);
    context.api.clock.advance(30_000);
    await enroll(token, request).expect(200);
    await host.post([]).expect(401);
  });

  test('a machine that loses its state at each restart stays one host, and takes one use of a multi-host token', async () => {
    const organization = await context.api.organization();
    const { token } = await organization.enrollmentToken({ name: 'fleet', maxUses: 2 });
    const request = enrollRequest();
    let host = hostOf(organization, (await enroll(token, request).expect(201)).body);
    await enroll(token, enrollRequest()).expect(201);
    for (let restart = 1; restart <= 5; restart++) {
      await host.sync([]);
      await enroll(token, request).expect(409);
      context.api.clock.advance(30_000);
      const again = hostOf(organization, (await enroll(token, request).expect(200)).body);
      expect(again.id).toBe(host.id);
      host = again;
    }
    await host.sync([]);
    const where = { organizationId: organization.id };
    expect(await context.api.db.prisma.host.count({ where })).toBe(2);
    expect(await context.api.db.prisma.enrollmentToken.findFirst({ where })).toMatchObject({ uses: 2 });
    // The token has no uses left for other machines, even for a machine that another token enrolled.
    await enroll(token, enrollRequest()).expect(401);
    const other = await organization.enroll();
    await other.sync([]);
    const { engineId } = await other.host();
    context.api.clock.advance(30_000);
    await enroll(token, enrollRequest({ engineId })).expect(401);
  });

  test('the refusal of a token without uses left contains the name of the machine’s existing host', async () => {
    const organization = await context.api.organization();
    const { token } = await organization.enrollmentToken();
    const request = enrollRequest({ name: 'web-1' });
    const host = hostOf(organization, (await enroll(token, request).expect(201)).body);
    await host.sync([]);
    const detailOf = async (body: object) =>
      ((await enroll(token, body).expect(401)).body as { detail: string }).detail;
    expect(await detailOf(request)).toBe(
      'The enrollment token is used up. The host "web-1" was already enrolled from this machine, or from another one ' +
        'with the same engineId.',
    );
    expect(await detailOf(enrollRequest())).toBe('The enrollment token is used up.');
  });

  test.each([
    ['longer', 10, 60, 180],
    ['shorter', 60, 10, 30],
  ])(
    'whether a host counts as alive depends on its last heartbeat interval, even if that interval is %s than the current interval',
    async (_what, now, last, graceSeconds) => {
      const { db, clock } = context.api;
      const cadenceOf = (heartbeatSeconds: number) => ({ heartbeatSeconds, snapshotSeconds: 60 });
      const apiOf = (heartbeatSeconds: number) =>
        new TestApi(db, createApp({ db, ...clocksOf(clock), cadence: cadenceOf(heartbeatSeconds) }), clock);
      const organization = await context.api.organization();
      const request = enrollRequest();
      const first = await enroll((await organization.enrollmentToken()).token, request).expect(201);
      await hostOf(organization, first.body).through(apiOf(last)).sync([]);
      const { token } = await organization.enrollmentToken();
      const again = () => apiOf(now).http.post(Paths.agentEnroll).auth(token, { type: 'bearer' }).send(request);
      clock.advance((graceSeconds - 5) * 1_000);
      expect((await again().expect(409)).headers['retry-after']).toBe('5');
      clock.advance(5_000);
      await again().expect(200);
    },
  );

  test('the same machine in another organization is a separate host', async () => {
    const request = enrollRequest();
    const [one, two] = [await context.api.organization(), await context.api.organization()];
    const first = await enroll((await one.enrollmentToken()).token, request).expect(201);
    const second = await enroll((await two.enrollmentToken()).token, request).expect(201);
    expect((first.body as { hostId: string }).hostId).not.toBe((second.body as { hostId: string }).hostId);
  });

  test('two tokens that enroll one machine at the same time create one host', async () => {
    const organization = await context.api.organization();
    const tokens = await Promise.all([organization.enrollmentToken(), organization.enrollmentToken()]);
    const request = enrollRequest();
    const answers = await Promise.all(tokens.map(({ token }) => enroll(token, request)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  test('expired, revoked and malformed tokens and tokens of another kind are refused', async () => {
    const organization = await context.api.organization();
    const expiring = await organization.enrollmentToken({ name: 'short', expiresInSeconds: 60 });
    const revoked = await organization.enrollmentToken();
    await context.api.http
      .delete(`/api/enrollment-tokens/${revoked.id}`)
      .auth(organization.adminKey, { type: 'bearer' })
      .expect(204);
    context.api.clock.advance(60_000);
    for (const token of [expiring.token, revoked.token, organization.adminKey, `${revoked.token}x`]) {
      const answer = await enroll(token, enrollRequest()).expect(401);
      expect(answer.body).toMatchObject({ type: '/problems/token-invalid' });
    }
  });

  test('an invalid request is refused with the paths of its invalid fields', async () => {
    const { token } = await (await context.api.organization()).enrollmentToken();
    const answer = await enroll(token, enrollRequest({ engine: { name: 'Docker' }, name: '' })).expect(400);
    expect((answer.body as { errors: { path: string }[] }).errors.map(({ path }) => path).sort()).toEqual([
      '/engine/apiVersion',
      '/engine/version',
      '/name',
    ]);
  });

  test('a machine whose name has only invisible characters is enrolled as "unnamed"', async () => {
    const organization = await context.api.organization();
    const { token } = await organization.enrollmentToken();
    const answer = await enroll(token, enrollRequest({ name: '\u200b\u202e' })).expect(201);
    const { id } = hostOf(organization, answer.body);
    expect((await organization.get(`/api/hosts/${id}`).expect(200)).body).toMatchObject({ name: 'unnamed' });
  });

  test('the agent of a deleted host gets 410, and its machine enrolls as a new host', async () => {
    const organization = await context.api.organization();
    const request = enrollRequest();
    const host = hostOf(organization, (await enroll((await organization.enrollmentToken()).token, request)).body);
    await host.sync([container('a')]);
    await context.api.http.delete(`/api/hosts/${host.id}`).auth(organization.adminKey, { type: 'bearer' }).expect(204);
    const gone = await post(host.token).expect(410);
    expect(gone.body).toMatchObject({ type: '/problems/host-deleted' });
    expect(await host.present()).toEqual({});
    const answer = await enroll((await organization.enrollmentToken()).token, request).expect(201);
    expect((answer.body as { hostId: string }).hostId).not.toBe(host.id);
  });
});
