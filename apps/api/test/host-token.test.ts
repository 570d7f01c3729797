import { describe, expect, test } from '@jest/globals';
import { Paths, type AuditEntry, type EnrollmentTokenCreated, type EnrollResponse, type Page } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { container, enrollRequest } from './fixtures.js';
import { useApi, type TestOrganization } from './harness.js';

/** Milliseconds within which every process rejects a revoked token. */
const REVOKED_WITHIN_MS = 5_000;

describe.each(testEngines())("an operator's rotation of a host's token on %s", (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const facts = { engineId: 'the-machine', name: 'web-01' };

  const rotate = async (organization: TestOrganization, hostId: string) => {
    const path = Paths.hostToken.replace(':hostId', hostId);
    const { body } = await context.api.http.post(path).auth(organization.adminKey, { type: 'bearer' }).expect(201);
    return body as EnrollmentTokenCreated;
  };

  test('revokes the old token immediately, or within 5 seconds in other processes, and keeps the containers', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll(facts);
    const replicaHost = host.through(context.api.replica());
    await host.sync([container('a')]);
    await replicaHost.sync([container('a')]);

    await rotate(organization, host.id);
    await host.post([]).expect(401);
    context.api.clock.advance(REVOKED_WITHIN_MS);
    await replicaHost.post([]).expect(401);
    await context.api.http.post(Paths.agentToken).auth(host.token, { type: 'bearer' }).expect(401);
    expect(Object.keys(await host.present())).toEqual(['a']);
  });

  test('issues a single-use token with which the machine enrolls again as the same host', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll(facts);
    await host.sync([container('a')]);
    const made = await rotate(organization, host.id);
    expect(made).toMatchObject({ name: 'web-01', maxUses: 1, uses: 0, revokedAt: null });

    const enroll = (engineId: string) =>
      context.api.http
        .post(Paths.agentEnroll)
        .auth(made.token, { type: 'bearer' })
        .send(enrollRequest({ ...facts, engineId }));
    const { hostId, agentToken } = (await enroll(facts.engineId).expect(200)).body as EnrollResponse;
    expect(hostId).toBe(host.id);
    await context.api.http
      .post(Paths.agentContainers)
      .auth(agentToken, { type: 'bearer' })
      .send([container('a')])
      .expect(200);
    await enroll('another-machine').expect(401);
    expect((await host.history()).map(([kind]) => kind)).toEqual(['created']);
  });

  test('is not undone by calls of the earlier machine, even while another process still accepts the old token', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll(facts);
    const replica = context.api.replica();
    await host.through(replica).beat({ digest: null }).expect(200);
    const { token } = await rotate(organization, host.id);
    const enrollment = context.api.http.post(Paths.agentEnroll).auth(token, { type: 'bearer' });
    const { agentToken } = (await enrollment.send(enrollRequest(facts)).expect(200)).body as EnrollResponse;

    await replica.http.delete(Paths.agentToken).auth(host.token, { type: 'bearer' }).expect(204);
    await context.api.http.get(Paths.agentToken).auth(agentToken, { type: 'bearer' }).expect(200);
    expect(await host.host()).toMatchObject({ leftAt: null });
  });

  test('prevents all enrollment tokens except the issued token from enrolling the host again', async () => {
    const organization = await context.api.organization();
    const fleet = await organization.enrollmentToken({ name: 'many', maxUses: 9 });
    const enroll = (token: string, changes: object = {}) =>
      context.api.http
        .post(Paths.agentEnroll)
        .auth(token, { type: 'bearer' })
        .send(enrollRequest({ ...facts, ...changes }));
    const holder = (agentToken: string) => context.api.http.get(Paths.agentToken).auth(agentToken, { type: 'bearer' });
    const { hostId, agentToken } = (await enroll(fleet.token).expect(201)).body as EnrollResponse;
    await holder(agentToken).expect(200);
    const first = await rotate(organization, hostId);
    const second = await rotate(organization, hostId);

    context.api.clock.advance(3_600_000);
    const single = await organization.enrollmentToken();
    for (const { token } of [fleet, single]) {
      const refused = await enroll(token).expect(403);
      expect(refused.body).toMatchObject({ type: '/problems/forbidden' });
    }
    // Only the later of the two tokens for the host is valid, and only for this machine.
    await enroll(first.token).expect(401);
    await enroll(second.token, { engineId: 'another' }).expect(403);
    const restored = (await enroll(second.token).expect(200)).body as EnrollResponse;
    expect(restored.hostId).toBe(hostId);
    await holder(restored.agentToken).expect(200);
    await enroll(second.token).expect(401);

    // After this enrollment, other tokens can enroll the host again, but not while the host is alive.
    await enroll(fleet.token).expect(409);
    context.api.clock.advance(3_600_000);
    await enroll(fleet.token).expect(200);
  });

  test('prevents a multi-host token without uses left from enrolling the host again, even after the host was restored', async () => {
    const organization = await context.api.organization();
    const fleet = await organization.enrollmentToken({ name: 'many', maxUses: 2 });
    const enroll = (token: string, changes: object = {}) =>
      context.api.http
        .post(Paths.agentEnroll)
        .auth(token, { type: 'bearer' })
        .send(enrollRequest({ ...facts, ...changes }));
    const { hostId, agentToken } = (await enroll(fleet.token).expect(201)).body as EnrollResponse;
    await context.api.http.get(Paths.agentToken).auth(agentToken, { type: 'bearer' }).expect(200);
    await enroll(fleet.token, { engineId: 'another' }).expect(201);
    const { token } = await rotate(organization, hostId);
    const restored = (await enroll(token).expect(200)).body as EnrollResponse;
    await context.api.http.get(Paths.agentToken).auth(restored.agentToken, { type: 'bearer' }).expect(200);
    context.api.clock.advance(3_600_000);
    await enroll(fleet.token).expect(401);
  });

  test('issues a token that can immediately enroll the host again, even if the host was seen a moment ago', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll(facts);
    await host.sync([]);
    const { token } = await rotate(organization, host.id);
    const enroll = () =>
      context.api.http.post(Paths.agentEnroll).auth(token, { type: 'bearer' }).send(enrollRequest(facts));
    // The machine may repeat the call, because the first response might have been lost.
    await enroll().expect(200);
    await enroll().expect(200);
  });

  test('is in the audit log, without the token', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const { id, token } = await rotate(organization, host.id);
    const { body, text } = await organization.get(Paths.audit).expect(200);
    const entries = (body as Page<AuditEntry>).items.filter(({ target }) => target === `host:${host.id}`);
    expect(entries.find(({ action }) => action === 'host.token_rotated')).toMatchObject({
      actor: expect.stringMatching(/^api_key:/),
      details: { tokensRevoked: 1, enrollmentTokenId: id },
    });
    expect(text).not.toContain(token);
  });

  test('is refused for a deleted host in the same way as for a host that never existed', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const as = { type: 'bearer' } as const;
    const { http } = context.api;
    await http.delete(Paths.host.replace(':hostId', host.id)).auth(organization.adminKey, as).expect(204);
    await http.post(Paths.hostToken.replace(':hostId', host.id)).auth(organization.adminKey, as).expect(404);
    expect(await context.api.db.prisma.enrollmentToken.count({ where: { organizationId: organization.id } })).toBe(1);
  });
});
