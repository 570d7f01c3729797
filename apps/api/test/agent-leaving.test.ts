import { describe, expect, test } from '@jest/globals';
import { Paths, TokenHolder } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { container, order } from './fixtures.js';
import { useApi, type TestHost } from './harness.js';

describe.each(testEngines())('an agent that leaves, on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const callAgentToken = (token: string, method: 'get' | 'post' | 'delete') =>
    context.api.http[method](Paths.agentToken).auth(token, { type: 'bearer' });

  test('revokes all tokens of its host, including rotated tokens that were never used', async () => {
    const host = await (await context.api.organization()).enroll();
    const { agentToken } = (await callAgentToken(host.token, 'post').expect(201)).body as { agentToken: string };
    await callAgentToken(host.token, 'delete').expect(204);
    for (const token of [host.token, agentToken]) {
      expect((await callAgentToken(token, 'get').expect(401)).body).toMatchObject({ type: '/problems/token-invalid' });
      await callAgentToken(token, 'delete').expect(401);
    }
  });

  test('keeps its host and containers, adds an audit entry and does not affect other hosts', async () => {
    const organization = await context.api.organization();
    const [host, other] = [await organization.enroll(), await organization.enroll()];
    await host.sync([container('a')]);
    await callAgentToken(host.token, 'delete').expect(204);
    expect(Object.keys(await host.present())).toEqual(['a']);
    expect((await host.host()).deletedAt).toBeNull();
    const audit = (await organization.get(Paths.audit).expect(200)).body as { items: object[] };
    expect(audit.items[0]).toMatchObject({ action: 'host.left', actor: `host:${host.id}`, target: `host:${host.id}` });
    await callAgentToken(other.token, 'get').expect(200);
  });

  test('gets the same host again when it enrolls again', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll({ engineId: 'engine-that-returns' });
    await host.sync([container('a')]);
    await callAgentToken(host.token, 'delete').expect(204);
    const again = await organization.enroll({ engineId: 'engine-that-returns' }, 200);
    expect(again.id).toBe(host.id);
    expect(await again.sync([container('a')])).toMatchObject({ applied: true, created: 0 });
  });
});

describe.each(testEngines())('an agent that leaves while another machine uses its token, on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const [ORIGINAL, COPY] = ['0b6f6a9e-3f0c-4d6e-8f43-4e7b0ad0a001', '0b6f6a9e-3f0c-4d6e-8f43-4e7b0ad0a002'] as const;
  const leave = ({ token }: TestHost) => context.api.http.delete(Paths.agentToken).auth(token, { type: 'bearer' });

  /** Enrolls a host whose machine was copied. The original and the copy both report. */
  async function clonedHost(): Promise<TestHost> {
    const host = await (await context.api.organization()).enroll();
    await host.sync([container('a')], order(ORIGINAL, 1));
    await host.sync([container('a')], order(COPY, 1));
    context.api.clock.advance(61_000);
    await host.post([container('a')], order(ORIGINAL, 2)).expect(200);
    return host;
  }

  test('cannot revoke the token, so the other machine stays connected', async () => {
    const host = await clonedHost();
    const refused = await leave(host).expect(409);
    expect(refused.body).toMatchObject({
      type: '/problems/conflict',
      detail: expect.stringContaining('Another machine uses this host'),
    });
    await host.post([container('a')], order(COPY, 2)).expect(200);
    expect(await host.host()).toMatchObject({ leftAt: null });
    const audit = (await host.organization.get(Paths.audit).expect(200)).body as { items: { action: string }[] };
    expect(audit.items.map(({ action }) => action)).not.toContain('host.left');
  });

  test('can revoke the token a day after the other machine was last seen', async () => {
    const host = await clonedHost();
    context.api.clock.advance(24 * 3_600_000);
    await leave(host).expect(204);
    await host.post([]).expect(401);
  });

  test('does not keep an operator from revoking the token', async () => {
    const host = await clonedHost();
    const path = Paths.hostToken.replace(':hostId', host.id);
    await context.api.http.post(path).auth(host.organization.adminKey, { type: 'bearer' }).expect(201);
    await host.post([]).expect(401);
  });
});

describe.each(testEngines())('an agent token, on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  test('identifies its host', async () => {
    const host = await (await context.api.organization()).enroll();
    const answer = await context.api.http.get(Paths.agentToken).auth(host.token, { type: 'bearer' }).expect(200);
    expect(TokenHolder.parse(answer.body).hostId).toBe(host.id);
  });
});
