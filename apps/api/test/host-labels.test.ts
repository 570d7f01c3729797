import { describe, expect, test } from '@jest/globals';
import { HOST_LABELS_MAX, Paths, type AuditEntry, type ContainerView, type Host, type Page } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { randomUUID } from 'node:crypto';
import { container, enrollRequest } from './fixtures.js';
import { useApi, type TestOrganization } from './harness.js';

describe.each(testEngines())('labels of hosts on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  const hostPath = (hostId: string) => Paths.host.replace(':hostId', hostId);
  const patch = (organization: TestOrganization, hostId: string, body: object) =>
    context.api.http.patch(hostPath(hostId)).auth(organization.adminKey, { type: 'bearer' }).send(body);
  const change = (organization: TestOrganization, body: object) =>
    context.api.http.post(Paths.hostLabelChanges).auth(organization.adminKey, { type: 'bearer' }).send(body);
  const hostOf = async (organization: TestOrganization, hostId: string) =>
    (await organization.get(hostPath(hostId)).expect(200)).body as Host;
  const labelsOf = async (organization: TestOrganization, hostId: string) =>
    (await hostOf(organization, hostId)).labels;
  const audited = async (organization: TestOrganization) =>
    ((await organization.get(Paths.audit).expect(200)).body as Page<AuditEntry>).items.filter(
      ({ action }) => action === 'host.labels_changed',
    );

  test('that an operator sets replace the earlier ones, and each change is audited once', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll({ name: 'web-1' });
    const labels = { env: 'prod', 'example.com/site': 'fra' };
    const { body } = await patch(organization, host.id, { labels }).expect(200);
    expect(body).toMatchObject({
      name: 'web-1',
      labels,
      labelsBySource: { operator: labels, agent: {}, enrollmentToken: {} },
    });
    await patch(organization, host.id, { labels }).expect(200);
    await patch(organization, host.id, { labels: { env: 'test' }, name: 'web-2' }).expect(200);
    expect(await hostOf(organization, host.id)).toMatchObject({ name: 'web-2', labels: { env: 'test' } });
    expect(await labelsOf(organization, host.id)).toEqual({ env: 'test' });
    expect(
      (await audited(organization)).map(({ target, details }) => [target, details['from'], details['to']]),
    ).toEqual([
      [`host:${host.id}`, labels, { env: 'test' }],
      [`host:${host.id}`, {}, labels],
    ]);
  });

  test.each([
    [{ labels: { 'env name': 'prod' } }, '/labels/env name'],
    [{ labels: { env: 'a b' } }, '/labels/env'],
    [{ labels: { env: 1 } }, '/labels/env'],
    [{ labels: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, ''])) }, '/labels'],
    [{ labels: ['env'] }, '/labels'],
    [{}, ''],
  ])('that are not valid are refused with the field: %j', async (body, path) => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const response = await patch(organization, host.id, body).expect(400);
    expect(response.body).toMatchObject({ errors: [{ path }] });
    expect(await labelsOf(organization, host.id)).toEqual({});
  });

  test('are changed on several hosts at once, and only those that change are audited', async () => {
    const [organization, other] = [await context.api.organization(), await context.api.organization()];
    const [one, two, foreign] = [await organization.enroll(), await organization.enroll(), await other.enroll()];
    await patch(organization, one.id, { labels: { env: 'prod' } }).expect(200);
    await patch(organization, two.id, { labels: { old: 'x', team: 'web' } }).expect(200);
    const unknown = randomUUID();
    const hostIds = [one.id, two.id, foreign.id, unknown, one.id];
    const { body } = await change(organization, { hostIds, set: { env: 'prod' }, remove: ['old'] }).expect(200);
    expect(body).toEqual({ changed: [two.id], unchanged: [one.id], notFound: [foreign.id, unknown] });
    expect(await labelsOf(organization, two.id)).toEqual({ env: 'prod', team: 'web' });
    expect(await labelsOf(other, foreign.id)).toEqual({});
    expect((await audited(organization)).map(({ target }) => target)).toEqual([
      `host:${two.id}`,
      `host:${two.id}`,
      `host:${one.id}`,
    ]);
  });

  test('are not changed on any host if one of them would have too many', async () => {
    const organization = await context.api.organization();
    const [one, two] = [await organization.enroll(), await organization.enroll({ name: 'full' })];
    const full = Object.fromEntries(Array.from({ length: HOST_LABELS_MAX }, (_, index) => [`k${index}`, '']));
    await patch(organization, two.id, { labels: full }).expect(200);
    const { body } = await change(organization, { hostIds: [one.id, two.id], set: { env: 'prod' } }).expect(400);
    expect(body).toMatchObject({ errors: [{ path: '/set', message: expect.stringContaining('full 65 labels') }] });
    expect(await labelsOf(organization, one.id)).toEqual({});
  });

  test('of an enrollment token are those of the hosts that enroll with it, unless an operator sets other ones', async () => {
    const organization = await context.api.organization();
    const create = (labels: object) =>
      context.api.http
        .post(Paths.enrollmentTokens)
        .auth(organization.adminKey, { type: 'bearer' })
        .send({ name: 'fleet', maxUses: 5, labels });
    const { body: token } = await create({ env: 'prod', site: 'fra' }).expect(201);
    expect(token).toMatchObject({ labels: { env: 'prod', site: 'fra' } });
    const request = enrollRequest({ engineId: randomUUID() });
    const enroll = (secret: string) =>
      context.api.http.post(Paths.agentEnroll).auth(secret, { type: 'bearer' }).send(request);
    const { body: enrolled } = await enroll((token as { token: string }).token).expect(201);
    const { hostId } = enrolled as { hostId: string };
    expect(await labelsOf(organization, hostId)).toEqual({ env: 'prod', site: 'fra' });
    await patch(organization, hostId, { labels: { env: 'test' } }).expect(200);
    expect(await hostOf(organization, hostId)).toMatchObject({
      labels: { env: 'test', site: 'fra' },
      labelsBySource: { operator: { env: 'test' }, enrollmentToken: { env: 'prod', site: 'fra' } },
    });

    // The host enrolls again, with another token: before it was seen, so that it does not count as alive.
    const { body: second } = await create({ site: 'muc' }).expect(201);
    await enroll((second as { token: string }).token).expect(409);
    const { body: restore } = await context.api.http
      .post(Paths.hostToken.replace(':hostId', hostId))
      .auth(organization.adminKey, { type: 'bearer' })
      .expect(201);
    await enroll((restore as { token: string }).token).expect(200);
    expect(await labelsOf(organization, hostId)).toEqual({ env: 'test', site: 'fra' });
  });

  test('filter hosts, containers, events and their exports', async () => {
    const organization = await context.api.organization();
    const [web, db, bare] = [
      await organization.enroll({ name: 'web' }),
      await organization.enroll({ name: 'db' }),
      await organization.enroll({ name: 'bare' }),
    ];
    for (const host of [web, db, bare]) await host.sync([container(`of-${host.id}`)]);
    await patch(organization, web.id, { labels: { env: 'prod', tier: 'web' } }).expect(200);
    await patch(organization, db.id, { labels: { env: 'prod', tier: '' } }).expect(200);
    const hostsWith = async (path: string, query: string) => {
      const { items, total } = (await organization.get(`${path}?${query}`).expect(200)).body as Page<
        Partial<Host & ContainerView>
      > & { total?: number };
      return { hosts: items.map(({ hostId, id }) => (path === Paths.hosts ? id : hostId)).sort(), total };
    };
    const both = [web.id, db.id].sort();
    for (const [query, expected] of [
      ['hostLabel=env%3Dprod', both],
      ['hostLabel=env', both],
      ['hostLabel=env%3Dprod&hostLabel=tier%3Dweb', [web.id]],
      ['hostLabel=tier%3D', [db.id]],
      ['hostLabel=env%3Dtest', []],
      ['hostLabel=nothing', []],
    ] as const) {
      expect(await hostsWith(Paths.hosts, `${query}&count=true`)).toEqual({ hosts: expected, total: expected.length });
      expect(await hostsWith(Paths.containers, `${query}&count=true`)).toEqual({
        hosts: expected,
        total: expected.length,
      });
      expect((await hostsWith(Paths.events, query)).hosts).toEqual(expected);
      for (const path of [Paths.exportContainers, Paths.exportEvents]) {
        const { text } = await organization.get(`${path}?format=ndjson&${query}`).buffer(true).expect(200);
        const lines = text.split('\n').filter((line) => line !== '');
        expect(lines.map((line) => (JSON.parse(line) as { hostId: string }).hostId).sort()).toEqual(expected);
      }
    }
  });
});
