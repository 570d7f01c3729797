import { describe, expect, test } from '@jest/globals';
import {
  Attention,
  CADENCE_DEFAULT,
  Paths,
  type ContainerInput,
  type ContainerPage,
  type ContainerProblemCode,
  type HostAttentionKind,
  type HostPage,
} from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { createGetAttention, type AttentionLimits } from '../src/services/inventory/attention.js';
import { isCrashLoopSearchComplete } from '../src/services/inventory/container-problems.sql.js';
import { createContainerService } from '../src/services/container.js';
import { container, order } from './fixtures.js';
import { useApi, type TestHost, type TestOrganization } from './harness.js';

const MINUTE_MS = 60_000;
const NOTHING: Attention = {
  hosts: { total: 0, problems: [] },
  containers: { total: 0, totalIsExact: true, problems: [] },
};

const exited = (dockerId: string, exitCode: number, changes: Partial<ContainerInput> = {}) =>
  container(dockerId, { state: 'exited', status: `Exited (${exitCode}) 2 seconds ago`, ...changes });
const restarting = (dockerId: string, exitCode: number) =>
  container(dockerId, { state: 'restarting', status: `Restarting (${exitCode}) 2 seconds ago` });
const unhealthy = (dockerId: string, changes: Partial<ContainerInput> = {}) =>
  container(dockerId, { status: 'Up 5 minutes (unhealthy)', ...changes });

describe.each(testEngines())('the attention list on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  /** Reads what needs attention, and verifies that the filter of each group finds exactly what the group counts. */
  async function attentionOf(organization: TestOrganization): Promise<Attention> {
    const attention = Attention.parse((await organization.get(Paths.attention).expect(200)).body);
    const list = async <Page>(path: string, filter: object): Promise<Page> =>
      (
        await organization
          .get(path)
          .query({ ...filter, count: 'true', limit: '200' })
          .expect(200)
      ).body as Page;
    for (const { total, filter, latest } of attention.hosts.problems) {
      const { items, total: found } = await list<HostPage>(Paths.hosts, filter);
      expect(found).toBe(total);
      expect(items.map(({ id }) => id)).toEqual(expect.arrayContaining(latest.map(({ id }) => id)));
    }
    for (const { filter, total, groups } of attention.containers.problems) {
      expect(await list<ContainerPage>(Paths.containers, filter)).toMatchObject({ total, totalIsExact: true });
      for (const group of groups) {
        const { items, total: found } = await list<ContainerPage>(Paths.containers, group.filter);
        expect([found, new Set(items.map(({ hostId }) => hostId)).size]).toEqual([group.total, group.hosts]);
        const keys = items.map(({ hostId, dockerId, name, hostName }) => `${hostId} ${dockerId} ${name} ${hostName}`);
        expect(keys).toEqual(
          expect.arrayContaining(
            group.latest.map(({ hostId, dockerId, name, hostName }) => `${hostId} ${dockerId} ${name} ${hostName}`),
          ),
        );
      }
    }
    return attention;
  }

  const hostTotals = ({ hosts }: Attention) =>
    hosts.problems.map(({ kind, total }): [HostAttentionKind, number] => [kind, total]);
  const containerTotals = ({ containers }: Attention) =>
    containers.problems.map(({ kind, total }): [ContainerProblemCode, number] => [kind, total]);
  /** Reads what needs attention in an organization, with the given limits on how much the API reads. */
  const withLimits = ({ id }: TestOrganization, limits: AttentionLimits) => {
    const { db, clock } = context.api;
    const freshness = { now: clock(), cadence: CADENCE_DEFAULT, otherHeartbeats: [], outages: [] };
    return createGetAttention({ db, freshnessContext: () => Promise.resolve(freshness) }, limits)(id);
  };
  const now = () => context.api.clock().toISOString();

  /** Posts snapshots of a container that exits with an error and then runs again, `exits` times. */
  async function crash(host: TestHost, dockerId: string, exits: number, others: ContainerInput[] = []) {
    for (let i = 0; i < exits; i++) {
      await host.sync([container(dockerId), ...others]);
      context.api.clock.advance(MINUTE_MS);
      await host.sync([restarting(dockerId, 1), ...others]);
      context.api.clock.advance(1_000);
    }
    await host.sync([container(dockerId), ...others]);
  }

  test('of a healthy fleet is empty: containers that finished, were stopped or restarted once are not problems', async () => {
    const organization = await context.api.organization();
    expect(await attentionOf(organization)).toEqual(NOTHING);
    const host = await organization.enroll();
    const ended = [0, 130, 143].map((code) => exited(`code-${code}`, code));
    await host.sync([...ended, container('restarted'), container('up')]);
    context.api.clock.advance(MINUTE_MS);
    await host.sync([...ended, restarting('restarted', 1), container('up'), container('new', { state: 'created' })]);
    expect(await attentionOf(organization)).toEqual(NOTHING);
    await organization.enroll({ name: 'never reported' });
    expect(await attentionOf(organization)).toEqual(NOTHING);
  });

  test('contains offline hosts, stale hosts and hosts whose engine is down, with the start of each problem', async () => {
    const organization = await context.api.organization();
    const { clock } = context.api;
    const old = await organization.enroll({ name: 'old' });
    await old.sync([container('a')]);
    const oldSince = now();
    clock.advance(3_600_000);
    const outage: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      await (await organization.enroll({ name })).sync([container('a')]);
      outage.push(now());
      clock.advance(1_000);
    }
    const left = await organization.enroll({ name: 'left' });
    await left.sync([container('a')]);
    await context.api.http.delete(Paths.agentToken).auth(left.token, { type: 'bearer' }).expect(204);
    clock.advance(600_000);
    const stale = await organization.enroll({ name: 'stale' });
    await stale.sync([container('a')]);
    const staleSince = now();
    clock.advance(60_000);
    const down = await organization.enroll({ name: 'down' });
    await down.sync([container('a')]);
    await down.beat({ digest: null, engineError: 'no socket' }).expect(200);
    const downSince = now();

    const attention = await attentionOf(organization);
    expect(hostTotals(attention)).toEqual([
      ['engine_down', 1],
      ['offline', 4],
      ['stale', 1],
    ]);
    expect(attention.hosts.total).toBe(6);
    const [engineDown, offline, staleHosts] = attention.hosts.problems;
    expect(engineDown).toMatchObject({ since: downSince, severity: 5, latest: [{ name: 'down', since: downSince }] });
    expect(staleHosts).toMatchObject({ since: staleSince, severity: 4 });
    expect(offline).toMatchObject({
      since: oldSince,
      times: [
        { since: outage[0], until: outage[2], total: 3 },
        { since: oldSince, until: oldSince, total: 1 },
      ],
    });
    expect(offline!.latest.map(({ name }) => name)).toEqual(['old', 'a', 'b', 'c']);
    // A container is not listed if its host does not report.
    expect(attention.containers.total).toBe(0);
  });

  test('counts a host under each of its problems but only once in the total, and counts an offline host only as offline', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const { digest } = await host.sync([container('a', { name: 'n'.repeat(2_000) })]);
    context.api.clock.advance(1_000);
    const problems = [{ code: 'list_refused', message: 'denied' }];
    await host.beat({ digest, problems, sentAt: new Date(0).toISOString() }).expect(200);
    const since = now();
    const attention = await attentionOf(organization);
    expect(hostTotals(attention)).toEqual([
      ['list_refused', 1],
      ['truncated', 1],
      ['clock_skew', 1],
    ]);
    expect(attention.hosts).toMatchObject({
      total: 1,
      problems: [{ since, severity: 5 }, { severity: 3 }, { severity: 3 }],
    });
    context.api.clock.advance(3_600_000);
    expect(hostTotals(await attentionOf(organization))).toEqual([['offline', 1]]);
  });

  test('contains hosts with refused snapshots and possible clones', async () => {
    const organization = await context.api.organization();
    const [refused, cloned] = [await organization.enroll({ name: 'refused' }), await organization.enroll()];
    await refused.sync([container('a')]);
    await refused.post([{ dockerId: '' }]).expect(400);
    const streams = ['019ab000-0000-7000-8000-000000000001', '019ab000-0000-7000-8000-000000000002'];
    for (let i = 1; i <= 4; i++) {
      await cloned.post([container('a')], order(streams[i % 2]!, i));
      context.api.clock.advance(40_000);
      await refused.post([{ dockerId: '' }]).expect(400);
    }
    await cloned.post([container('a')], order(streams[1]!, 9));
    const kinds = hostTotals(await attentionOf(organization)).map(([kind]) => kind);
    expect(kinds).toEqual(['clone_suspected', 'snapshot_refused']);
  });

  test('contains unhealthy, dead and failed containers, grouped by image', async () => {
    const organization = await context.api.organization();
    const [one, two] = [await organization.enroll({ name: 'one' }), await organization.enroll({ name: 'two' })];
    await one.sync([
      unhealthy('a', { image: 'web:2' }),
      unhealthy('b', { image: 'web:1' }),
      container('c', { state: 'dead', status: 'Dead' }),
      exited('d', 1, { image: 'job:1' }),
    ]);
    const since = now();
    context.api.clock.advance(10_000);
    await two.sync([
      unhealthy('a', { image: 'web:2' }),
      exited('b', 137, { image: 'job:1' }),
      exited('c', 2, { image: 'job:1', state: 'stopped' }),
    ]);
    const later = now();
    const attention = await attentionOf(organization);
    expect(containerTotals(attention)).toEqual([
      ['unhealthy', 3],
      ['dead', 1],
      ['failed', 3],
    ]);
    expect(attention.containers.total).toBe(7);
    const [unhealthyOnes, , failed] = attention.containers.problems;
    expect(unhealthyOnes!.groups.map(({ image, total, hosts }) => [image, total, hosts])).toEqual([
      ['web:1', 1, 1],
      ['web:2', 2, 2],
    ]);
    expect(failed).toMatchObject({ isComplete: true, groups: [{ image: 'job:1', total: 3, hosts: 2, since }] });
    expect(failed!.groups[0]!.latest.map(({ name, exitCode, since }) => [name, exitCode, since])).toEqual([
      ['name-of-d', 1, since],
      ['name-of-c', 2, later],
      ['name-of-b', 137, later],
    ]);
    // Containers that run again or were removed are no longer listed.
    await one.sync([container('a'), container('b')]);
    await two.sync([container('a'), container('b')]);
    expect(await attentionOf(organization)).toEqual(NOTHING);
  });

  test('reports a crash loop after three exits with an error within an hour, even if the container now runs', async () => {
    const organization = await context.api.organization();
    const [looping, twice] = [await organization.enroll({ name: 'looping' }), await organization.enroll()];
    const { clock } = context.api;
    await crash(twice, 'a', 2);
    expect(await attentionOf(organization)).toEqual(NOTHING);
    await looping.sync([container('a')]);
    clock.advance(MINUTE_MS);
    const since = now();
    await crash(looping, 'a', 3, [unhealthy('b')]);
    await twice.sync([container('a')]);
    const running = await attentionOf(organization);
    expect(containerTotals(running)).toEqual([
      ['crash_loop', 1],
      ['unhealthy', 1],
    ]);
    const [loop] = running.containers.problems;
    expect(loop!.groups).toMatchObject([{ total: 1, hosts: 1, latest: [{ hostName: 'looping', name: 'name-of-a' }] }]);
    expect(Date.parse(loop!.groups[0]!.since) - Date.parse(since)).toBe(MINUTE_MS);

    // A container that stays exited after a crash loop also counts as failed, but only once in the total.
    await looping.sync([exited('a', 1)]);
    const failed = await attentionOf(organization);
    expect(containerTotals(failed)).toEqual([
      ['crash_loop', 1],
      ['failed', 1],
    ]);
    expect(failed.containers.total).toBe(1);
    // Exit code 143 means that someone stopped the container.
    await looping.sync([exited('a', 143)]);
    await twice.sync([container('a')]);
    expect(await attentionOf(organization)).toEqual(NOTHING);
  });

  test('drops a crash loop after an hour, or when the container is removed', async () => {
    const organization = await context.api.organization();
    const [one, two] = [await organization.enroll(), await organization.enroll()];
    await crash(one, 'a', 3);
    await crash(two, 'a', 3);
    await one.sync([container('a')]);
    expect(containerTotals(await attentionOf(organization))).toEqual([['crash_loop', 2]]);
    await two.sync([container('b')]);
    expect(containerTotals(await attentionOf(organization))).toEqual([['crash_loop', 1]]);
    context.api.clock.advance(3_600_000);
    await one.sync([container('a')]);
    await two.sync([container('b')]);
    expect(await attentionOf(organization)).toEqual(NOTHING);
  });

  test('contains nothing of another organization or of a deleted host, and can be read by viewers', async () => {
    const [organization, other] = [await context.api.organization(), await context.api.organization()];
    const foreign = await other.enroll();
    await crash(foreign, 'a', 3, [unhealthy('b'), exited('c', 1)]);
    const deleted = await organization.enroll();
    await crash(deleted, 'a', 3, [unhealthy('b'), exited('c', 1)]);
    const body = { hostIds: [deleted.id] };
    await context.api.http
      .post(Paths.hostDeletions)
      .auth(organization.adminKey, { type: 'bearer' })
      .send(body)
      .expect(200);
    expect(await attentionOf(organization)).toEqual(NOTHING);
    await foreign.sync([container('a'), unhealthy('b'), exited('c', 1)]);
    const viewer = await context.api.apiKey(other.id, 'viewer');
    const answer = await context.api.http.get(Paths.attention).auth(viewer, { type: 'bearer' }).expect(200);
    expect(Attention.parse(answer.body).containers.total).toBe(3);
    for (const problem of ['crash_loop', 'unhealthy', 'failed']) {
      const { body: page } = await organization.get(`${Paths.containers}?problem=${problem}&count=true`).expect(200);
      expect(page).toMatchObject({ items: [], total: 0 });
    }
  });

  test('of a fleet with very many problems has exact totals, and states what is incomplete', async () => {
    const organization = await context.api.organization();
    const hosts = [await organization.enroll({ name: 'a' }), await organization.enroll({ name: 'b' })];
    for (const host of hosts) await crash(host, 'loop', 3, [exited('b', 1), exited('c', 1)]);
    for (const host of hosts) await host.sync([container('loop'), exited('b', 1), exited('c', 1)]);
    const bounded = await withLimits(organization, { hostsMax: 1, exitsReadMax: 4 });
    expect(containerTotals(bounded)).toEqual([
      ['crash_loop', 1],
      ['failed', 4],
    ]);
    expect(bounded.containers).toMatchObject({
      total: 5,
      totalIsExact: false,
      problems: [
        { totalIsExact: false, isComplete: false },
        { totalIsExact: true, isComplete: false, groups: [{ total: 2, hosts: 1 }] },
      ],
    });
    // Only the newest two exits are read, so crash loops cannot be found, although there may be some.
    const unknown = await withLimits(organization, { exitsReadMax: 2 });
    expect(unknown.containers.problems[0]).toMatchObject({ kind: 'crash_loop', total: 0, totalIsExact: false });
    const { db, clock } = context.api;
    expect(await isCrashLoopSearchComplete(db, organization.id, clock(), 2)).toBe(false);
    expect(await isCrashLoopSearchComplete(db, organization.id, clock())).toBe(true);
    // The containers of at least one host are read, even if they exceed the limit.
    const one = await withLimits(organization, { rowsMax: 1 });
    expect(one.containers.problems[1]).toMatchObject({ kind: 'failed', total: 4, groups: [{ total: 2, hosts: 1 }] });
    expect((await withLimits(organization, {})).containers.totalIsExact).toBe(true);
  });

  test('does not count the exits of stopped containers toward its read limit', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    for (const code of [0, 143]) {
      await host.sync([container('stopped')]);
      await host.sync([exited('stopped', code)]);
    }
    const { db, clock } = context.api;
    expect(await isCrashLoopSearchComplete(db, organization.id, clock(), 1)).toBe(true);
  });

  test('counts failed containers that an earlier version of Muster did not count, once their host sends a snapshot', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const { db, clock } = context.api;
    await host.sync([exited('a', 1)]);
    // An earlier version did not count failed containers, and calculated another digest.
    const { count } = await db.prisma.host.updateMany({
      where: { id: host.id },
      data: { failedCount: 0, digest: 'x' },
    });
    expect(count).toBe(1);
    await createContainerService(db, { now: clock }).syncContainers(host.id, [exited('a', 1)]);
    expect(containerTotals(await attentionOf(organization))).toEqual([['failed', 1]]);
  });

  test.each(['problem=none', 'problem=', 'problem=crashed'])(
    'uses the same problem codes as the list of containers, which refuses all other codes: ?%s',
    async (query) => {
      const organization = await context.api.organization();
      await organization.get(`${Paths.containers}?${query}`).expect(400);
    },
  );

  test('uses the same problem codes as the list and the export of containers, which accept several codes as a filter', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    await crash(host, 'loop', 3, [unhealthy('a'), exited('b', 1), exited('c', 0)]);
    const query = 'problem=crash_loop&problem=failed';
    const { body } = await organization.get(`${Paths.containers}?${query}&count=true`).expect(200);
    expect(body).toMatchObject({ items: [{ dockerId: 'b' }, { dockerId: 'loop' }], total: 2 });
    const { text } = await organization.get(`${Paths.exportContainers}?${query}&format=ndjson`).expect(200);
    expect(text.trim().split('\n')).toHaveLength(2);
    const { body: all } = await organization.get(`${Paths.containers}?${query}&presence=all`).expect(200);
    expect(all).toMatchObject({ items: [{ dockerId: 'b' }, { dockerId: 'loop' }] });
    const { body: removed } = await organization.get(`${Paths.containers}?${query}&presence=removed`).expect(200);
    expect(removed).toMatchObject({ items: [] });
  });
});
