/** Tests features that use a container's workload: projects, filters of lists and of the history, and crash loops. */
import { describe, expect, test } from '@jest/globals';
import {
  Attention,
  Paths,
  type ContainerEvent,
  type ContainerInput,
  type ContainerView,
  type ExitReason,
  type Page,
  type Project,
} from '@muster/contracts';
import { Prisma } from '@muster/db';
import { testEngines } from '@muster/db/testing';
import { container } from './fixtures.js';
import { EXITS_READ_MAX, MAY_LOOP, recentErrors } from '../src/services/inventory/container-problems.sql.js';
import { loopingContainers, repeatedExits } from '../src/services/inventory/crash-loops.sql.js';
import { useApi, type TestHost, type TestOrganization } from './harness.js';

const MINUTE_MS = 60_000;

const composeContainer = (dockerId: string, project: string, service: string, changes: Partial<ContainerInput> = {}) =>
  container(dockerId, {
    name: `${project}-${service}-1`,
    labels: {
      'com.docker.compose.project': project,
      'com.docker.compose.service': service,
      'com.docker.compose.container-number': '1',
    },
    ...changes,
  });
const swarmTask = (
  dockerId: string,
  service: string,
  slot: number,
  changes: Partial<ContainerInput> = {},
  cluster = 'one',
) =>
  container(dockerId, {
    name: `shop_${service}.${slot}.${dockerId}`,
    labels: {
      'com.docker.stack.namespace': 'shop',
      'com.docker.swarm.service.name': `shop_${service}`,
      'com.docker.swarm.service.id': `${cluster}-${service}`,
    },
    ...changes,
  });
const plainContainer = (dockerId: string, name: string, changes: Partial<ContainerInput> = {}) =>
  container(dockerId, { name, labels: {}, ...changes });
const exit = (code: number, reason: ExitReason | null = null): Partial<ContainerInput> => ({
  state: 'exited',
  status: `Exited (${code}) 2 seconds ago`,
  ...(reason === null ? {} : { exit: { code, reason, error: '', finishedAt: null } }),
});

interface PlanNode {
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

/** Returns the number of rows of a table that an executed plan read. */
function rowsRead(node: PlanNode, table: string): number {
  const own = node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0);
  const read = node['Relation Name'] === table ? own * node['Actual Loops'] : 0;
  return (node.Plans ?? []).reduce((sum, plan) => sum + rowsRead(plan, table), read);
}

describe.each(testEngines())('workloads on %s:', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  const read = async <Item>(organization: TestOrganization, path: string, query: object): Promise<Item[]> => {
    const { body } = await organization.get(path).query(query).expect(200);
    return (body as Page<Item>).items;
  };

  test('Swarm stacks, namespaces and Compose projects are listed as projects, without the infra containers of pods', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll({ name: 'alpha' });
    const pod = {
      'io.kubernetes.pod.name': 'web-6d4cf56db6-x2b9k',
      'io.kubernetes.pod.namespace': 'prod',
      'io.kubernetes.container.name': 'app',
    };
    await host.sync([
      swarmTask('t1', 'web', 1),
      swarmTask('t2', 'db', 1, { state: 'exited', status: 'Exited (0) 1 minute ago' }),
      composeContainer('c1', 'blog', 'web'),
      container('k1', { name: 'k8s_app', labels: pod }),
      container('k2', {
        name: 'k8s_POD',
        image: 'registry.k8s.io/pause:3.9',
        labels: { ...pod, 'io.kubernetes.docker.type': 'podsandbox' },
      }),
      plainContainer('p1', 'alone'),
    ]);
    const project = (name: string, kind: string, services: string[], containers: number, running: number) => ({
      project: name,
      kind,
      hostId: host.id,
      hostName: 'alpha',
      hostFreshness: 'online',
      services,
      containers,
      running,
      unhealthy: 0,
    });
    const expected = [
      project('blog', 'compose', ['web'], 1, 1),
      project('prod', 'kubernetes', ['web/app'], 1, 1),
      project('shop', 'swarm', ['db', 'web'], 2, 1),
    ];
    expect(await read<Project>(organization, '/api/projects', {})).toEqual(expected);
    expect(await read<Project>(organization, '/api/projects', { hostId: host.id })).toEqual(expected);
  });

  test('a row that an earlier version wrote belongs to its Compose project even before the host reports again', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    await host.sync([composeContainer('c1', 'blog', 'web')]);
    await context.api.db.prisma.container.updateMany({
      where: { hostId: host.id },
      data: { workloadKind: null, project: null, service: null, instance: null },
    });
    expect(await read(organization, '/api/projects', {})).toMatchObject([
      { project: 'blog', kind: 'compose', services: ['web'] },
    ]);
    expect(await read(organization, Paths.containers, { project: 'blog', service: 'web' })).toMatchObject([
      { dockerId: 'c1', workload: { kind: 'compose', project: 'blog', service: 'web', instance: '1' } },
    ]);
  });

  test('lists, exports and the history are filtered by project, service and instance, across replaced containers', async () => {
    const organization = await context.api.organization();
    const [one, two] = [await organization.enroll(), await organization.enroll()];
    await one.sync([
      swarmTask('t1', 'web', 1),
      swarmTask('t2', 'web', 2),
      composeContainer('c1', 'blog', 'web'),
      plainContainer('p1', 'web'),
    ]);
    await one.sync([swarmTask('t2', 'web', 2), composeContainer('c1', 'blog', 'web'), plainContainer('p1', 'web')]);
    await two.sync([swarmTask('t3', 'web', 1), swarmTask('t4', 'db', 1)]);

    const idsOf = async (query: object) => {
      const items = await read<ContainerView>(organization, Paths.containers, query);
      const { text } = await organization
        .get(Paths.exportContainers)
        .query({ format: 'ndjson', ...query })
        .expect(200);
      const exported = text
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as ContainerView).dockerId]));
      const ids = items.map(({ dockerId }) => dockerId).sort();
      expect(exported.sort()).toEqual(ids);
      return ids;
    };
    expect(await idsOf({ project: 'shop' })).toEqual(['t2', 't3', 't4']);
    expect(await idsOf({ project: ['shop', 'blog'], service: 'web' })).toEqual(['c1', 't2', 't3']);
    expect(await idsOf({ service: 'web' })).toEqual(['c1', 'p1', 't2', 't3']);
    expect(await idsOf({ project: 'shop', service: 'web', instance: '1', presence: 'all' })).toEqual(['t1', 't3']);
    expect(await idsOf({ project: 'shop', hostId: two.id })).toEqual(['t3', 't4']);
    expect(await idsOf({ project: 'sho' })).toEqual([]);
    const counted = await organization.get(Paths.containers).query({ project: 'shop', count: 'true' }).expect(200);
    expect(counted.body).toMatchObject({ total: 3, totalIsExact: true });

    const eventsOf = async (query: object) =>
      (await read<ContainerEvent>(organization, Paths.events, query)).map(
        ({ kind, dockerId }) => `${kind} ${dockerId}`,
      );
    expect(await eventsOf({ project: 'shop', service: 'web', instance: '1' })).toEqual([
      'created t3',
      'removed t1',
      'created t1',
    ]);
    expect(await eventsOf({ project: 'blog' })).toEqual(['created c1']);
    expect(await eventsOf({ service: ['web', 'db'], project: 'shop', hostId: two.id })).toHaveLength(2);
  });

  test('the search for crash loops reads no removed containers of a workload', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    for (const state of ['running', 'exited', 'running', 'exited', 'running', 'exited']) {
      await host.sync([swarmTask('t0', 'web', 1, state === 'exited' ? exit(1, 'crashed') : {})]);
      context.api.clock.advance(1_000);
    }
    const { prisma } = context.api.db;
    const columns = (
      await prisma.$queryRaw<{ name: string }[]>`
        SELECT quote_ident(column_name) AS name FROM information_schema.columns
        WHERE table_name = 'containers' AND is_generated = 'NEVER' AND column_name NOT IN ('dockerId', 'removedAt')`
    ).map(({ name }) => name);
    const copyRow = (dockerId: string, removedAt: string, changes: Record<string, string> = {}) =>
      prisma.$executeRawUnsafe(`
        INSERT INTO containers ("dockerId", "removedAt", ${columns.join()})
        SELECT ${dockerId}, ${removedAt}, ${columns.map((name) => changes[name] ?? name).join()}
        FROM containers, generate_series(1, 2000) AS n
        WHERE "hostId" = '${host.id}' AND "dockerId" = 't0'`);
    await copyRow("'gone' || n", 'now()');
    await copyRow("'other' || n", 'NULL', { service: "'other' || n" });
    await prisma.$executeRawUnsafe('ANALYZE containers');
    const now = context.api.clock();
    const errors = Prisma.sql`(${recentErrors(organization.id, now)})`;
    const repeated = repeatedExits(errors, organization.id, now, EXITS_READ_MAX);
    const search = loopingContainers(organization.id, Prisma.sql`(${repeated})`, {
      mayLoop: MAY_LOOP,
      isOnline: Prisma.sql`h."deletedAt" IS NULL`,
    });
    const [executed] = await prisma.$queryRaw<{ 'QUERY PLAN': { Plan: PlanNode }[] }[]>(
      Prisma.sql`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${search}`,
    );
    expect(await prisma.$queryRaw(search)).toMatchObject([{ dockerId: 't0' }]);
    expect(rowsRead(executed!['QUERY PLAN'][0]!.Plan, 'containers')).toBeLessThan(10);
  });

  describe('a crash loop', () => {
    const loopsOf = async (organization: TestOrganization) => {
      const { containers } = Attention.parse((await organization.get(Paths.attention).expect(200)).body);
      const found = containers.problems.find(({ kind }) => kind === 'crash_loop');
      const listOf = (problem: string | string[]) =>
        read<ContainerView>(organization, Paths.containers, { problem, hostFreshness: 'online' });
      const listed = await listOf('crash_loop');
      expect(listed).toHaveLength(found?.total ?? 0);
      const mixed = await listOf(['crash_loop', 'dead']);
      expect(mixed).toEqual(listed);
      return listed.map(({ dockerId }) => dockerId);
    };

    /**
     * Posts snapshots in which each of these containers runs and then exits. Each container replaces the previous one.
     */
    async function crash(host: TestHost, containers: ContainerInput[], how: Partial<ContainerInput> = exit(1)) {
      for (const one of containers) {
        await host.sync([one]);
        context.api.clock.advance(MINUTE_MS);
        await host.sync([{ ...one, ...how }]);
      }
    }

    test('of a Swarm service is counted once, although each task is another container and may run on another host', async () => {
      const organization = await context.api.organization();
      const [one, two] = [await organization.enroll(), await organization.enroll()];
      await crash(one, [swarmTask('t1', 'web', 1), swarmTask('t2', 'web', 1)]);
      expect(await loopsOf(organization)).toEqual([]);
      // An engine keeps the last tasks of a slot.
      const ended = [swarmTask('t1', 'web', 1, exit(1)), swarmTask('t2', 'web', 1, exit(1))];
      await one.sync(ended);
      await crash(two, [swarmTask('t3', 'web', 1), swarmTask('t4', 'web', 1), swarmTask('t5', 'web', 1)]);
      await two.sync([swarmTask('t6', 'web', 1), swarmTask('t7', 'web', 2)]);
      expect(await loopsOf(organization)).toEqual(['t6']);
      const { containers } = Attention.parse((await organization.get(Paths.attention).expect(200)).body);
      expect(containers.problems.find(({ kind }) => kind === 'crash_loop')!.groups).toMatchObject([
        { latest: [{ workload: { kind: 'swarm', project: 'shop', service: 'web', instance: '1' }, exits: 5 }] },
      ]);
      // Someone stopped the newest task.
      await two.sync([swarmTask('t6', 'web', 1, exit(143)), swarmTask('t7', 'web', 2)]);
      expect(await loopsOf(organization)).toEqual([]);
    });

    test('of a Swarm service includes no exits in another cluster with the same stack name', async () => {
      const organization = await context.api.organization();
      const [one, two] = [await organization.enroll(), await organization.enroll()];
      const of = (cluster: string, ...ids: string[]) => ids.map((id) => swarmTask(id, 'web', 1, {}, cluster));
      await crash(one, of('one', 't1', 't2'));
      await crash(two, of('two', 'u1', 'u2'));
      expect(await loopsOf(organization)).toEqual([]);
      await crash(one, of('one', 't3'));
      expect(await loopsOf(organization)).toEqual(['t3']);
      await crash(two, of('two', 'u3'));
      await one.sync([swarmTask('t3', 'web', 1, exit(1), 'one')]);
      expect((await loopsOf(organization)).sort()).toEqual(['t3', 'u3']);
      await two.sync([swarmTask('u4', 'web', 1, exit(143), 'two')]);
      expect(await loopsOf(organization)).toEqual(['t3']);
    });

    test('is not hidden by a container with the same labels on another host', async () => {
      const organization = await context.api.organization();
      const [host, other] = [await organization.enroll(), await organization.enroll()];
      const crashed = swarmTask('t3', 'web', 1, exit(1, 'crashed'));
      await crash(
        host,
        [swarmTask('t1', 'web', 1), swarmTask('t2', 'web', 1), swarmTask('t3', 'web', 1)],
        exit(1, 'crashed'),
      );
      expect(await loopsOf(organization)).toEqual(['t3']);
      await other.sync([swarmTask('x1', 'web', 1, exit(143, 'stopped'))]);
      expect(await loopsOf(organization)).toEqual(['t3']);
      await other.sync([swarmTask('x2', 'web', 1)]);
      expect(await loopsOf(organization)).toEqual(['x2']);
      const ofHost = await read(organization, Paths.containers, { problem: 'crash_loop', hostId: host.id });
      expect(ofHost).toMatchObject([{ dockerId: 't3' }]);
      context.api.clock.advance(10 * MINUTE_MS);
      await host.sync([crashed]);
      expect(await loopsOf(organization)).toEqual(['t3']);
    });

    test('of a Compose service or a plain container is counted separately on each host', async () => {
      const organization = await context.api.organization();
      const [one, two] = [await organization.enroll(), await organization.enroll()];
      await crash(one, [composeContainer('c1', 'blog', 'web'), composeContainer('c2', 'blog', 'web')]);
      await crash(two, [composeContainer('c1', 'blog', 'web')]);
      expect(await loopsOf(organization)).toEqual([]);
      await crash(one, [composeContainer('c3', 'blog', 'web')]);
      expect(await loopsOf(organization)).toEqual(['c3']);
      await crash(two, [plainContainer('p1', 'job'), plainContainer('p2', 'job'), plainContainer('p3', 'job')]);
      expect(await loopsOf(organization)).toEqual(['p3']);
    });

    test('is found even if each container crashed before its first report, unless the host is new', async () => {
      const organization = await context.api.organization();
      const host = await organization.enroll();
      const crashed = ['t1', 't2', 't3', 't4', 't5', 't6'].map((id) => swarmTask(id, 'web', 1, exit(1, 'crashed')));
      await host.sync(crashed.slice(0, 3));
      expect(await loopsOf(organization)).toEqual([]);
      context.api.clock.advance(6 * MINUTE_MS);
      for (const last of [4, 5, 6]) {
        await host.sync(crashed.slice(last - 3, last));
        context.api.clock.advance(1_000);
      }
      expect(await loopsOf(organization)).toEqual(['t6']);

      // If the agent did not see the tasks exit, they may have exited long ago.
      const other = await context.api.organization();
      const returned = await other.enroll();
      context.api.clock.advance(6 * MINUTE_MS);
      await returned.sync(['u1', 'u2', 'u3'].map((id) => swarmTask(id, 'web', 1, exit(1, 'unknown'))));
      expect(await loopsOf(other)).toEqual([]);
    });

    test('ignores requested exits, and counts exits of unknown cause only if there are at least three or a restart policy applies', async () => {
      const organization = await context.api.organization();
      const host = await organization.enroll();
      const web = plainContainer('p1', 'web');
      const repeat = (count: number) => Array.from({ length: count }, () => web);
      await crash(host, repeat(4), exit(137, 'stopped'));
      expect(await loopsOf(organization)).toEqual([]);
      await crash(host, repeat(2), exit(1, 'crashed'));
      await crash(host, repeat(2), exit(137, 'unknown'));
      expect(await loopsOf(organization)).toEqual([]);
      await crash(host, repeat(1), exit(137, 'unknown'));
      expect(await loopsOf(organization)).toEqual(['p1']);

      const policy = await organization.enroll();
      const restarting = { ...exit(137, 'unknown'), state: 'restarting', status: 'Restarting (137) 1 second ago' };
      await crash(policy, repeat(2), exit(1, 'oom'));
      await crash(policy, repeat(1), restarting);
      expect(await loopsOf(organization)).toEqual(['p1']);
    });
  });
});
