import { describe, expect, test } from '@jest/globals';
import {
  HOST_LABEL_CHANGES_MAX,
  HOST_LABELS_MAX,
  HostEventPage,
  Paths,
  describeHostEvent,
  type AuditEntry,
  type ContainerView,
  type Host,
  type HostLabelChangeResult,
  type Page,
} from '@muster/contracts';
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

  test('that an operator sets replace earlier operator labels, and each change is audited once', async () => {
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
  ])('that are invalid are refused, and the error has the path of the field: %j', async (body, path) => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const response = await patch(organization, host.id, body).expect(400);
    expect(response.body).toMatchObject({ errors: [{ path, message: expect.stringMatching(/^must /) }] });
    expect(await labelsOf(organization, host.id)).toEqual({});
  });

  test('can be changed on several hosts at once, and only changed hosts are audited', async () => {
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

  test('are not changed on any host if one host would have too many', async () => {
    const organization = await context.api.organization();
    const [one, two] = [await organization.enroll(), await organization.enroll({ name: 'full' })];
    const full = Object.fromEntries(Array.from({ length: HOST_LABELS_MAX }, (_, index) => [`k${index}`, '']));
    await patch(organization, two.id, { labels: full }).expect(200);
    const { body } = await change(organization, { hostIds: [one.id, two.id], set: { env: 'prod' } }).expect(400);
    expect(body).toMatchObject({ errors: [{ path: '/set', message: expect.stringContaining('full would have 65') }] });
    expect(await labelsOf(organization, one.id)).toEqual({});
  });

  test('can be changed on the maximum number of hosts in a few statements, with an audit entry and an event for each host', async () => {
    const organization = await context.api.organization();
    const { prisma } = context.api.db;
    await prisma.$executeRaw`
      INSERT INTO hosts (id, "organizationId", "engineId", name, "engineName", "engineVersion", "engineApiVersion", os,
        arch, "agentVersion", "enrolledAt", "operatorLabels", labels)
      SELECT gen_random_uuid(), ${organization.id}, 'engine-' || number, 'host-' || number, 'Docker', '28.5.2', '1.51',
        'linux', 'x86_64', '0.5.0', ${context.api.clock()}::timestamptz, '{"old": "x"}', '{"old": "x"}'
      FROM generate_series(1, ${HOST_LABEL_CHANGES_MAX}::int) AS number`;
    const hosts = await prisma.host.findMany({ where: { organizationId: organization.id }, select: { id: true } });
    const hostIds = hosts.map(({ id }) => id);
    const { body } = await change(organization, { hostIds, set: { env: 'prod' }, remove: ['old'] }).expect(200);
    expect((body as HostLabelChangeResult).changed.sort()).toEqual([...hostIds].sort());
    expect(body).toMatchObject({ unchanged: [], notFound: [] });
    // Rows that one statement of a transaction wrote have the same `cmin`.
    const recorded = await prisma.$queryRaw`
      SELECT count(DISTINCT entry.target)::int AS audited, count(DISTINCT event."hostId")::int AS events,
        count(DISTINCT entry.cmin::text) + count(DISTINCT event.cmin::text) < 20 AS "hasFewStatements"
      FROM host_events AS event JOIN audit_entries AS entry ON entry.target = 'host:' || event."hostId"
      WHERE event."organizationId" = ${organization.id} AND entry.action = 'host.labels_changed'
        AND entry.details -> 'to' = '{"env": "prod"}' AND event."from" = '{"labels": {"old": "x"}}'
        AND event."to" = '{"labels": {"env": "prod"}}'`;
    const all = HOST_LABEL_CHANGES_MAX;
    expect(recorded).toEqual([{ audited: all, events: all, hasFewStatements: true }]);
    const stored = { operatorLabels: { equals: { env: 'prod' } }, labels: { equals: { env: 'prod' } } };
    expect(await prisma.host.count({ where: { organizationId: organization.id, ...stored } })).toBe(all);
  });

  test('of a second enrollment token replace the labels of the first, with an audit entry and an event', async () => {
    const organization = await context.api.organization();
    const engineId = randomUUID();
    const enroll = async (token: { token: string }, status: number) => {
      const request = context.api.http.post(Paths.agentEnroll).auth(token.token, { type: 'bearer' });
      return (await request.send(enrollRequest({ engineId, name: 'web' })).expect(status)).body as { hostId: string };
    };
    const first = await organization.enrollmentToken({ name: 'first', labels: { env: 'prod', site: 'fra' } });
    const { hostId } = await enroll(first, 201);
    await patch(organization, hostId, { labels: { site: 'muc' } }).expect(200);
    const { factsChangedAt } = await context.api.db.prisma.host.findUniqueOrThrow({ where: { id: hostId } });
    context.api.clock.advance(3_600_000);
    const second = await organization.enrollmentToken({ name: 'second', labels: { env: 'test', site: 'fra' } });
    await enroll(second, 200);
    // The agent repeats the call if the response was lost.
    await enroll(second, 200);
    // The third token changes only a label that an operator label overrides.
    context.api.clock.advance(3_600_000);
    const third = await organization.enrollmentToken({ name: 'third', labels: { env: 'test', site: 'ber' } });
    await enroll(third, 200);
    expect(await labelsOf(organization, hostId)).toEqual({ env: 'test', site: 'muc' });

    const from = { env: 'prod', site: 'fra' };
    expect(
      (await audited(organization)).map(({ actor, target, details }) => ({ actor, target, details })).reverse(),
    ).toEqual([
      {
        actor: expect.stringMatching(/^api_key:/),
        target: `host:${hostId}`,
        details: { name: 'web', from: {}, to: { site: 'muc' } },
      },
      {
        actor: `enrollment_token:${second.id}`,
        target: `host:${hostId}`,
        details: { name: 'web', from, to: { env: 'test', site: 'fra' } },
      },
      {
        actor: `enrollment_token:${third.id}`,
        target: `host:${hostId}`,
        details: { name: 'web', from: { env: 'test', site: 'fra' }, to: { env: 'test', site: 'ber' } },
      },
    ]);
    const { items } = (await organization.get(Paths.audit).expect(200)).body as Page<AuditEntry>;
    expect(items.find(({ action }) => action === 'host.enrolled')?.details).toMatchObject({ labels: from });
    const path = Paths.hostEvents.replace(':hostId', hostId);
    const events = HostEventPage.parse((await organization.get(path).expect(200)).body).items.reverse();
    expect(events[0]).toMatchObject({ kind: 'host_enrolled', to: { name: 'web', engineId, labels: from } });
    expect(events.filter(({ kind }) => kind === 'labels_changed').map(describeHostEvent)).toEqual([
      'site=muc',
      'env=test',
    ]);
    // The live stream detects the change by `factsChangedAt`.
    const host = await context.api.db.prisma.host.findUniqueOrThrow({ where: { id: hostId } });
    expect(host.factsChangedAt).not.toEqual(factsChangedAt);
  });

  test('of an enrollment token apply to the hosts that enroll with it, unless operator labels override them', async () => {
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

    // The host counts as alive, so only a token that was issued to restore the host can enroll it again.
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
