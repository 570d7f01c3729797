import { describe, expect, test } from '@jest/globals';
import { Paths, TokenHolder } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { container } from './fixtures.js';
import { useApi } from './harness.js';

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

describe.each(testEngines())('an agent token, on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  test('identifies its host', async () => {
    const host = await (await context.api.organization()).enroll();
    const answer = await context.api.http.get(Paths.agentToken).auth(host.token, { type: 'bearer' }).expect(200);
    expect(TokenHolder.parse(answer.body).hostId).toBe(host.id);
  });
});
