import { describe, expect, test } from '@jest/globals';
import {
  HOST_LABELS_MAX,
  Paths,
  mergeHostLabels,
  type AuditEntry,
  type CountedPage,
  type Host,
  type Page,
} from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { randomUUID } from 'node:crypto';
import { createApp } from '../src/app.js';
import { createHeartbeatService } from '../src/services/sync/index.js';
import { enrollRequest, order } from './fixtures.js';
import { clocksOf, TestApi, TestHost, useApi, type TestOrganization } from './harness.js';

const ENGINE_FACTS = {
  rootless: false,
  cgroupVersion: '2',
  storageDriver: 'overlay2',
  swarmRole: null,
  swarmNodeId: null,
};
const FACTS = {
  name: 'machine-1',
  labels: { site: 'fra' },
  addresses: ['192.0.2.17', '2001:db8::17'],
  kernel: '6.1.0-44-amd64',
  cpus: 8,
  memoryBytes: 33_554_432_000,
  engineFacts: ENGINE_FACTS,
};

describe.each(testEngines())('the facts about a host on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  const pathOf = (host: TestHost) => Paths.host.replace(':hostId', host.id);
  const shown = async (host: TestHost) => (await host.organization.get(pathOf(host)).expect(200)).body as Host;
  const patch = (host: TestHost, body: object) =>
    context.api.http.patch(pathOf(host)).auth(host.organization.adminKey, { type: 'bearer' }).send(body).expect(200);
  const beat = (host: TestHost, facts: object) => host.beat({ digest: null, facts }).expect(200);
  const audited = async (organization: TestOrganization) =>
    ((await organization.get(Paths.audit).expect(200)).body as Page<AuditEntry>).items
      .filter(({ actor }) => actor.startsWith('host:'))
      .map(({ actor, action, target, details }) => ({ actor, action, target, details }));

  test('are shown after the heartbeat that contains them, until a later heartbeat replaces them', async () => {
    const host = await (await context.api.organization()).enroll({ name: 'machine-1' });
    const unknown = { addresses: null, kernel: null, cpus: null, memoryBytes: null, engineFacts: null };
    expect(await shown(host)).toMatchObject(unknown);
    await beat(host, FACTS);
    expect(await shown(host)).toMatchObject({ ...FACTS, labelsBySource: { agent: { site: 'fra' } } });
    await beat(host, { cpus: 4, addresses: [] });
    expect(await shown(host)).toMatchObject({ ...FACTS, cpus: 4, addresses: [] });
    const page = (await host.organization.get(Paths.hosts).expect(200)).body as Page<Host>;
    expect(page.items).toMatchObject([{ id: host.id, kernel: FACTS.kernel, cpus: 4, memoryBytes: FACTS.memoryBytes }]);
  });

  test('in an enrollment become the facts of the new host', async () => {
    const organization = await context.api.organization();
    const tokenLabels = Object.fromEntries(Array.from({ length: 63 }, (_, index) => [`K${index}`, 'token']));
    const agentLabels = { K5: 'agent', a: '', Z: 'agent' };
    const { token } = await organization.enrollmentToken({ name: 'labels', labels: tokenLabels });
    const request = enrollRequest({ facts: { ...FACTS, labels: agentLabels } });
    const { body } = await context.api.http
      .post(Paths.agentEnroll)
      .auth(token, { type: 'bearer' })
      .send(request)
      .expect(201);
    const { hostId } = body as { hostId: string };
    const { body: host } = await organization.get(Paths.host.replace(':hostId', hostId)).expect(200);
    const labels = mergeHostLabels({ operator: {}, agent: agentLabels, enrollmentToken: tokenLabels });
    expect(Object.keys(labels)).toHaveLength(HOST_LABELS_MAX);
    expect(host).toMatchObject({ ...FACTS, name: request.name, labels, labelsBySource: { agent: agentLabels } });
  });

  test('rename the host, except while it has a name that an operator set', async () => {
    const host = await (await context.api.organization()).enroll({ name: '0123456789ab' });
    await beat(host, { name: 'machine-1' });
    expect(await shown(host)).toMatchObject({ name: 'machine-1', nameSetByOperator: false });
    await patch(host, { name: 'mine' });
    await beat(host, { name: 'machine-2' });
    expect(await shown(host)).toMatchObject({ name: 'mine', nameSetByOperator: true });
    await patch(host, { name: null });
    expect(await shown(host)).toMatchObject({ name: 'machine-2', nameSetByOperator: false });
    await beat(host, { name: 'machine-3' });
    expect(await shown(host)).toMatchObject({ name: 'machine-3' });
    // A name that an operator set stays, even if the machine had the same name.
    await patch(host, { name: 'machine-3' });
    await beat(host, { name: 'machine-4' });
    expect(await shown(host)).toMatchObject({ name: 'machine-3' });
  });

  test('are audited as changes by the host, and are part of its history', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll({ name: 'old', engineId: 'first' });
    const engineId = `engine-${host.id}`;
    for (let call = 0; call < 2; call++) await beat(host, { name: 'new', labels: { env: 'prod' }, engineId });
    const entry = { actor: `host:${host.id}`, target: `host:${host.id}` };
    expect(await audited(organization)).toEqual([
      { ...entry, action: 'host.engine_changed', details: { name: 'new', from: 'first', to: engineId } },
      { ...entry, action: 'host.labels_changed', details: { name: 'new', from: {}, to: { env: 'prod' } } },
      { ...entry, action: 'host.renamed', details: { from: 'old', to: 'new' } },
    ]);
    const history = await context.api.db.prisma.hostEvent.findMany({
      where: { hostId: host.id, kind: { not: 'host_enrolled' } },
      orderBy: { id: 'asc' },
    });
    expect(history.map(({ kind, from, to }) => ({ kind, from, to }))).toEqual([
      { kind: 'host_renamed', from: { name: 'old' }, to: { name: 'new' } },
      { kind: 'labels_changed', from: { labels: {} }, to: { labels: { env: 'prod' } } },
    ]);
  });

  test('that have not changed cause no write', async () => {
    const host = await (await context.api.organization()).enroll();
    await beat(host, FACTS);
    const { factsChangedAt } = await host.host();
    expect(factsChangedAt).toEqual(context.api.clock());
    context.api.clock.advance(10_000);
    await beat(host, FACTS);
    expect(await host.host()).toMatchObject({ factsChangedAt, lastSeenAt: context.api.clock() });
  });

  test('can change at most 20 times in a row, so that an agent cannot fill the audit log', async () => {
    const { db, clock } = context.api;
    const limited = new TestApi(db, createApp({ db, ...clocksOf(clock), agentRequestsPerMinute: 600 }), clock);
    const organization = await context.api.organization();
    const host = (await organization.enroll()).through(limited);
    for (let round = 0; round < 25; round += 1) await beat(host, { labels: { round: String(round) } });
    expect((await shown(host)).labels).toEqual({ round: '19' });
    expect(await audited(organization)).toHaveLength(20);
    // Unchanged facts do not count toward the limit.
    for (let round = 0; round < 3; round += 1) await beat(host, { labels: { round: '19' } });
    context.api.clock.advance(5 * 60_000);
    await beat(host, { labels: { round: 'later' } });
    expect((await shown(host)).labels).toEqual({ round: 'later' });
  });

  test('that cannot be stored do not make the heartbeat fail', async () => {
    const { db, clock } = context.api;
    const host = await (await context.api.organization()).enroll();
    const failure = new Error('the row is locked');
    const failures: unknown[] = [];
    const heartbeats = createHeartbeatService(db, {
      now: clock,
      recordFacts: () => Promise.reject(failure),
      logFactsFailure: (error) => failures.push(error),
    });
    clock.advance(10_000);
    await heartbeats.beat(host.id, { digest: null, facts: { kernel: '6.1.0' } }, null);
    expect(failures).toEqual([failure]);
    expect((await host.host()).lastSeenAt).toEqual(clock());
  });

  test('include agent labels, which override token labels but not operator labels', async () => {
    const organization = await context.api.organization();
    const { token } = await organization.enrollmentToken({ name: 'labels', labels: { a: 'token', b: 'token' } });
    const { body } = await context.api.http
      .post(Paths.agentEnroll)
      .auth(token, { type: 'bearer' })
      .send(enrollRequest())
      .expect(201);
    const { hostId, agentToken } = body as { hostId: string; agentToken: string };
    const host = new TestHost(organization, hostId, agentToken);
    await patch(host, { labels: { c: 'operator' } });
    await beat(host, { labels: { b: 'agent', c: 'agent', d: 'agent' } });
    expect((await shown(host)).labels).toEqual({ a: 'token', b: 'agent', c: 'operator', d: 'agent' });
    await beat(host, { labels: {} });
    expect((await shown(host)).labels).toEqual({ a: 'token', b: 'token', c: 'operator' });
  });

  test('include an engine id, which is ignored if another host already has it', async () => {
    const organization = await context.api.organization();
    const [one, two] = [await organization.enroll({ engineId: 'one' }), await organization.enroll({ engineId: 'two' })];
    await beat(one, { engineId: 'reset' });
    expect(await shown(one)).toMatchObject({ engineId: 'reset' });
    await beat(two, { engineId: 'reset', cpus: 2 });
    expect(await shown(two)).toMatchObject({ engineId: 'two', cpus: 2 });
    // The machine enrolls again with its new engine, and stays the same host.
    context.api.clock.advance(3_600_000);
    const again = await organization.enroll({ engineId: 'reset' }, 200);
    expect(again.id).toBe(one.id);
  });

  test('of a superseded run are ignored', async () => {
    const host = await (await context.api.organization()).enroll({ name: 'original' });
    const [first, second] = [randomUUID(), randomUUID()];
    for (const stream of [first, second]) await host.sync([], order(stream, 1, context.api.clock()));
    const beatAs = (stream: string, name: string) =>
      host.beat({ digest: null, facts: { name } }, { 'Snapshot-Stream': stream }).expect(200);
    await beatAs(first, 'copy');
    expect(await shown(host)).toMatchObject({ name: 'original' });
    await beatAs(second, 'machine');
    expect(await shown(host)).toMatchObject({ name: 'machine' });
  });

  test('of a machine that enrolls again replace the stored facts', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll({ engineId: 'same', name: 'before' });
    await beat(host, FACTS);
    context.api.clock.advance(3_600_000);
    const facts = { name: 'after', labels: { site: 'muc' }, cpus: 2 };
    await organization.enroll({ engineId: 'same', agentVersion: '9.0.0', facts }, 200);
    expect(await shown(host)).toMatchObject({
      ...{ name: 'after', labels: { site: 'muc' }, cpus: 2 },
      ...{ kernel: FACTS.kernel, agentVersion: '9.0.0' },
    });
    // An agent of an earlier release sends no facts.
    context.api.clock.advance(3_600_000);
    await organization.enroll({ engineId: 'same', name: 'ignored' }, 200);
    expect(await shown(host)).toMatchObject({ name: 'after', labels: { site: 'muc' }, cpus: 2 });
  });

  test.each([
    [{ addresses: ['10.0.0.1', 'localhost'] }, '/facts/addresses/1', 'must be an IPv4 or IPv6 address'],
    [{ addresses: ['169.254.1.1'] }, '/facts/addresses/0', 'must not be a link-local address'],
    [{ addresses: ['FE80::1'] }, '/facts/addresses/0', 'must not be a link-local address'],
    [{ addresses: Array.from({ length: 33 }, (_, index) => `10.0.0.${index}`) }, '/facts/addresses', '32'],
    [{ labels: { env: 'a b' } }, '/facts/labels/env', 'must be a label value'],
    [{ name: 'a'.repeat(201) }, '/facts/name', '200'],
    [{ cpus: 0 }, '/facts/cpus', '1'],
    [{ engineFacts: { storageDriver: '' } }, '/facts/engineFacts/storageDriver', 'must not be empty'],
  ])('that are invalid are refused, and the error has the path of the field: %j', async (facts, path, message) => {
    const host = await (await context.api.organization()).enroll();
    const { body } = await host.beat({ digest: null, facts }).expect(400);
    expect(body).toMatchObject({ errors: [{ path, message: expect.stringContaining(message) }] });
  });

  test('show whether several hosts have the same name, and these hosts can be listed', async () => {
    const [organization, other] = [await context.api.organization(), await context.api.organization()];
    const [one, two, three] = [
      await organization.enroll({ name: 'twin' }),
      await organization.enroll({ name: 'twin' }),
      await organization.enroll({ name: 'single' }),
    ];
    await other.enroll({ name: 'single' });
    const { items } = (await organization.get(Paths.hosts).expect(200)).body as Page<Host>;
    expect(Object.fromEntries(items.map(({ id, nameIsShared }) => [id, nameIsShared]))).toEqual({
      [one.id]: true,
      [two.id]: true,
      [three.id]: false,
    });
    const sharing = async () => {
      const path = `${Paths.hosts}?sharedName=true&count=true`;
      return (await organization.get(path).expect(200)).body as CountedPage<Host>;
    };
    const { items: found, total } = await sharing();
    expect([found.map(({ id }) => id).sort(), total]).toEqual([[one.id, two.id].sort(), 2]);
    await patch(two, { name: 'other' });
    expect(await shown(one)).toMatchObject({ nameIsShared: false });
    expect((await sharing()).items).toEqual([]);
  });
});
