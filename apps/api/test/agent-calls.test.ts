import { describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { container } from './fixtures.js';
import { useApi, type TestHost } from './harness.js';

describe.each(testEngines())('agent calls on %s:', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const enrollHost = async () => (await context.api.organization()).enroll();
  const post = (host: TestHost, path: string) => context.api.http.post(path).auth(host.token, { type: 'bearer' });

  test('a host that has sent only incomplete snapshots is `online`, but its containers are `stale`', async () => {
    const host = await enrollHost();
    const { organization } = host;
    const shown = async () => (await organization.get(`/api/hosts/${host.id}`).expect(200)).body as object;
    expect(await shown()).toMatchObject({ freshness: 'never' });
    await host.sync([container('a')], { 'Snapshot-Complete': 'false' });
    expect(await shown()).toMatchObject({ freshness: 'online', confirmedAt: null });
    const { body } = await organization.get('/api/containers').expect(200);
    expect(body).toMatchObject({ items: [{ dockerId: 'a', asOf: null, hostFreshness: 'stale' }] });
    await host.sync([container('a')]);
    const now = context.api.clock().toISOString();
    expect((await organization.get('/api/containers').expect(200)).body).toMatchObject({
      items: [{ dockerId: 'a', asOf: now, hostFreshness: 'online' }],
    });
  });

  const calls: Readonly<Record<string, { status: number; send: (host: TestHost) => Promise<{ status: number }> }>> = {
    'a rotation': { status: 201, send: (host) => post(host, Paths.agentToken) },
    'a snapshot with an invalid field': { status: 400, send: (host) => host.post([{}]) },
    'a snapshot that is not JSON': { status: 400, send: (host) => host.post('[') },
    'a snapshot with an invalid header': { status: 400, send: (host) => host.post([], { 'Snapshot-Sequence': 'x' }) },
    'a snapshot with another content type': {
      status: 415,
      send: (host) => host.post('[]', { 'Content-Type': 'text/plain' }),
    },
    'an invalid heartbeat': { status: 400, send: (host) => host.beat({}) },
  };

  test.each(Object.keys(calls))('%s updates lastSeenAt, but not confirmedAt', async (name) => {
    const { status, send } = calls[name]!;
    const host = await enrollHost();
    const { confirmedAt } = await host.sync([]).then(() => host.host());
    context.api.clock.advance(20_000);
    expect((await send(host)).status).toBe(status);
    expect(await host.host()).toMatchObject({ lastSeenAt: context.api.clock(), confirmedAt });
  });

  test('a call without a valid token does not update the host’s lastSeenAt', async () => {
    const host = await enrollHost();
    const { lastSeenAt } = await host.host();
    context.api.clock.advance(20_000);
    await context.api.http.post(Paths.agentToken).auth(`${host.token}x`, { type: 'bearer' }).expect(401);
    expect(await host.host()).toMatchObject({ lastSeenAt });
  });

  test('an enrollment that revokes tokens is audited once, even if the agent repeats the call', async () => {
    const organization = await context.api.organization();
    const { token, id } = await organization.enrollmentToken({ name: 'two', maxUses: 2 });
    const request = { name: 'web-1', engineId: `engine-${id}`, os: 'linux', arch: 'x86_64', agentVersion: '1' };
    const enroll = () =>
      context.api.http
        .post(Paths.agentEnroll)
        .auth(token, { type: 'bearer' })
        .send({ ...request, engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' } });
    const { hostId, agentToken } = (await enroll().expect(201)).body as { hostId: string; agentToken: string };
    // An agent repeats the call if the response was lost. The repeated call adds no audit entry.
    const repeat = (await enroll().expect(200)).body as { agentToken: string };
    await context.api.http.get(Paths.agentToken).auth(agentToken, { type: 'bearer' }).expect(401);
    await context.api.http.get(Paths.agentToken).auth(repeat.agentToken, { type: 'bearer' }).expect(200);
    context.api.clock.advance(30_000);
    await enroll().expect(200);
    const audit = await context.api.db.prisma.auditEntry.findMany({
      where: { target: `host:${hostId}` },
      orderBy: { id: 'asc' },
    });
    const facts = { name: 'web-1', engineId: request.engineId };
    expect(audit).toMatchObject([
      { action: 'host.enrolled', actor: `enrollment_token:${id}`, details: facts },
      {
        action: 'host.reenrolled',
        actor: `enrollment_token:${id}`,
        details: { ...facts, tokensRevoked: 1 },
      },
    ]);
  });
});
