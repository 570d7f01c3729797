import { beforeAll, describe, expect, test } from '@jest/globals';
import {
  CADENCE_DEFAULT,
  HostFacets,
  HostGroups,
  Paths,
  type Attention,
  type FleetMap,
  type ImageBuilds,
  type ImageInUse,
  type Page,
  type Project,
  type PublishedPort,
  type SearchResult,
  type ServiceDiscoveryTargets,
  type Summary,
} from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { listEvents, listHostEvents, listImages, listProjects } from '../src/services/inventory/index.js';
import { getHostGroups } from '../src/services/inventory/host-groups.js';
import { getLabelFacets } from '../src/services/inventory/label-facets.sql.js';
import { container } from './fixtures.js';
import { useApi, type TestOrganization } from './harness.js';

/** A filter, and the names of the hosts that it finds. */
const FILTERS: [string, string[]][] = [
  ['hostLabel=env%3Dprod', ['db', 'web']],
  ['hostLabel=env', ['db', 'test', 'web']],
  ['hostLabel=env%3Dprod&hostLabel=tier%3Dweb', ['web']],
  ['hostLabel=tier%3D', ['db']],
  ['hostLabel=env%3Ddev', []],
  ['', ['bare', 'db', 'test', 'web']],
];

describe.each(testEngines())('the filter hostLabel on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  let organization: TestOrganization;
  const names = new Map<string, string>();
  const read = async <T>(path: string, query: string) =>
    (await organization.get(`${path}?${query}`).expect(200)).body as T;

  const freshnessSource = () => {
    const { db, clock } = context.api;
    const freshness = { now: clock(), cadence: CADENCE_DEFAULT, otherHeartbeats: [], outages: [] };
    return { db, freshnessContext: () => Promise.resolve(freshness) };
  };

  beforeAll(async () => {
    organization = await context.api.organization();
    const labelsOf: Record<string, object> = {
      web: { env: 'prod', tier: 'web' },
      db: { env: 'prod', tier: '' },
      test: { env: 'test', 'example.com/site': 'fra' },
      bare: {},
    };
    for (const [name, labels] of Object.entries(labelsOf)) {
      const host = await organization.enroll({ name });
      names.set(host.id, name);
      await context.api.http
        .patch(Paths.host.replace(':hostId', host.id))
        .auth(organization.adminKey, { type: 'bearer' })
        .send({ labels: { ...labels }, name })
        .expect(200);
      await host.sync([
        container(`own-${name}`, {
          name: `findable-${name}`,
          image: `only-${name}:1`,
          labels: { 'com.docker.compose.project': `project-${name}` },
          ports: [{ ip: '0.0.0.0', privatePort: 80, publicPort: 8000 + names.size, type: 'tcp' }],
        }),
        container(`shared-${name}`, {
          name: `shared-${name}`,
          image: 'shared:1',
          imageId: `sha256:${name}`,
          labels: { 'com.docker.compose.project': 'everywhere' },
          ports: [],
          status: 'Up 5 minutes (unhealthy)',
        }),
      ]);
    }
  });

  test.each(FILTERS)(
    'restricts images, builds, ports and projects to the matching hosts: %s',
    async (query, expected) => {
      const images = (await read<Page<ImageInUse>>('/api/images', query)).items;
      const own = images.filter(({ image }) => image !== 'shared:1').map(({ image }) => image);
      expect(own).toEqual(expected.map((name) => `only-${name}:1`));
      expect(images.find(({ image }) => image === 'shared:1')?.hosts ?? 0).toBe(expected.length);

      const builds = await read<ImageBuilds>('/api/images/builds', `image=shared:1&${query}`);
      expect(builds.builds.flatMap(({ hostList }) => hostList.map(({ hostName }) => hostName)).sort()).toEqual(
        expected,
      );

      const ports = (await read<Page<PublishedPort>>('/api/ports', query)).items;
      expect(ports.map(({ hostName }) => hostName)).toEqual(expected);

      const projects = (await read<Page<Project>>('/api/projects', query)).items;
      expect(projects.map(({ project, hostName }) => [project, hostName])).toEqual(
        expect.arrayContaining(expected.map((name) => [`project-${name}`, name])),
      );
      expect(projects).toHaveLength(2 * expected.length);
    },
  );

  test.each(FILTERS)(
    'restricts the summary, the map, the search, the attention list and service discovery to the matching hosts: %s',
    async (query, expected) => {
      const summary = await read<Summary>(Paths.summary, query);
      expect(summary.hosts.byFreshness.online).toBe(expected.length);
      expect(summary.containers.current.total).toBe(2 * expected.length);
      expect([...(await read<FleetMap>(Paths.fleetMap, query)).names].sort()).toEqual(expected);
      const attention = await read<Attention>(Paths.attention, query);
      expect(attention.containers.total).toBe(expected.length);
      const found = await read<SearchResult>(Paths.search, `q=findable&${query}`);
      expect(found.containers.items.map(({ hostName }) => hostName)).toEqual(expected);
      const targets = await read<ServiceDiscoveryTargets>(Paths.serviceDiscoveryHosts, query);
      expect(targets.map(({ labels }) => labels['__meta_muster_host_name'])).toEqual(expected);
    },
  );

  test.each(FILTERS)(
    'finds the same images and projects on pages of one item, with any read limit: %s',
    async (query, expected) => {
      const hostLabel = new URLSearchParams(query).getAll('hostLabel').map((text) => {
        const [key, value] = text.split('=');
        return { key: key!, value: value ?? null };
      });
      const source = freshnessSource();
      for (const rowsMax of [1, 1_000]) {
        const [images, projects]: [string[], string[]] = [[], []];
        for (let cursor: string | undefined, pages = 0; pages < 30; pages += 1) {
          const page = await listImages(source.db, organization.id, { hostLabel, limit: 1, cursor }, { rowsMax });
          images.push(...page.items.map(({ image }) => image));
          if (page.nextCursor === null) break;
          cursor = page.nextCursor;
        }
        for (let cursor: string | undefined, pages = 0; pages < 30; pages += 1) {
          const page = await listProjects(source, organization.id, { hostLabel, limit: 1, cursor }, { rowsMax });
          projects.push(...page.items.map(({ hostName }) => hostName));
          if (page.nextCursor === null) break;
          cursor = page.nextCursor;
        }
        expect(images).toEqual([
          ...expected.map((name) => `only-${name}:1`),
          ...(expected.length > 0 ? ['shared:1'] : []),
        ]);
        expect([...projects].sort()).toEqual([...expected, ...expected].sort());
      }
    },
  );

  test('has facets with the keys and values of labels, and the number of hosts with each key and value', async () => {
    const { labels } = HostFacets.parse(await read(Paths.hostFacets, ''));
    expect(labels).toEqual({
      keys: [
        {
          key: 'env',
          hosts: 3,
          values: [
            { value: 'prod', hosts: 2 },
            { value: 'test', hosts: 1 },
          ],
          hasMore: false,
        },
        { key: 'example.com/site', hosts: 1, values: [{ value: 'fra', hosts: 1 }], hasMore: false },
        {
          key: 'tier',
          hosts: 2,
          values: [
            { value: '', hosts: 1 },
            { value: 'web', hosts: 1 },
          ],
          hasMore: false,
        },
      ],
      hasMore: false,
    });
    const ofProd = HostFacets.parse(await read(Paths.hostFacets, 'hostLabel=env%3Dprod'));
    expect(ofProd.labels.keys.map(({ key }) => key)).toEqual(['env', 'tier']);
    expect(ofProd.engines.values).toEqual([{ value: 'Docker', hosts: 2 }]);
    expect(await getLabelFacets(context.api.db, organization.id, undefined, 1, 1)).toEqual({
      keys: [{ key: 'env', hosts: 3, values: [{ value: 'prod', hosts: 2 }], hasMore: true }],
      hasMore: true,
    });
  });

  test('finds the events of a few hosts on the first page, even if all newer events belong to other hosts', async () => {
    const own = await context.api.organization();
    const enroll = async (name: string, labels: Record<string, string>) => {
      const host = await own.enroll({ name });
      await host.sync([container(`of-${name}`)]);
      await context.api.db.prisma.host.update({ where: { id: host.id }, data: { labels } });
      return host;
    };
    const [rare, second] = [await enroll('rare', { env: 'lab' }), await enroll('second', { env: 'lab', site: 'fra' })];
    const busy = await enroll('busy', { env: 'prod' });
    const { db } = context.api;
    await busy.sync(Array.from({ length: 10 }, (_, index) => container(`busy-${index}`)));
    const enrolled = await db.prisma.hostEvent.findFirstOrThrow({ where: { hostId: busy.id } });
    await db.prisma.hostEvent.createMany({
      data: Array.from({ length: 10 }, (_, index) => ({
        ...{ tx: enrolled.tx, id: enrolled.id + BigInt(1_000 + index), hostId: busy.id, organizationId: own.id },
        ...{ kind: 'engine_up', at: enrolled.at, recordedAt: enrolled.recordedAt },
      })),
    });
    const limits = { eventsReadMax: 3 };
    const labelOf = (key: string, value: string) => [{ key, value }];
    const query = { hostLabel: labelOf('env', 'lab'), limit: 10 };
    const hostsOf = (items: { hostId: string }[]) => items.map(({ hostId }) => hostId);
    const all = [second.id, rare.id];
    expect(hostsOf((await listEvents(db, own.id, query, limits)).items)).toEqual(all);
    expect(hostsOf((await listHostEvents(db, own.id, query, limits)).items)).toEqual(all);
    for (const list of [listEvents, listHostEvents]) {
      // Reads pages of one event, each after the previous page.
      const first = await list(db, own.id, { ...query, limit: 1 }, limits);
      const next = await list(db, own.id, { ...query, limit: 1, cursor: first.nextCursor! }, limits);
      expect([...hostsOf(first.items), ...hostsOf(next.items)]).toEqual(all);
      expect(next.nextCursor).toBeNull();
      // With the filter hostId, a host must match both filters. A repeated id has no effect.
      const both = { ...query, hostId: [rare.id, busy.id, rare.id] };
      expect(hostsOf((await list(db, own.id, both, limits)).items)).toEqual([rare.id]);
      const none = await list(db, own.id, { ...query, hostLabel: labelOf('env', 'none') }, limits);
      expect(none).toEqual({ items: [], nextCursor: null });
    }
  });

  test('applies to groups of hosts by label value; groups above the limit are combined', async () => {
    const groups = HostGroups.parse(await read(Paths.hostGroups, 'by=env'));
    expect(
      groups.groups.map(({ value, hosts, containers }) => [
        value,
        hosts.byFreshness.online,
        containers.current.byState,
      ]),
    ).toEqual([
      ['prod', 2, { running: 4 }],
      ['test', 1, { running: 2 }],
      [null, 1, { running: 2 }],
    ]);
    expect(groups.other).toBeNull();
    const ofTier = HostGroups.parse(await read(Paths.hostGroups, 'by=tier&hostLabel=env%3Dprod'));
    expect(ofTier.groups.map(({ value, hosts }) => [value, hosts.total])).toEqual([
      ['', 1],
      ['web', 1],
    ]);
    const source = freshnessSource();
    const limited = await getHostGroups(source, organization.id, { by: 'env' }, 1);
    expect(limited.groups.map(({ value }) => value)).toEqual(['prod']);
    expect(limited.other).toMatchObject({ hosts: { total: 2 }, containers: { current: { byState: { running: 4 } } } });
    await organization.get(`${Paths.hostGroups}?by=not%20a%20key`).expect(400);
    await organization.get(Paths.hostGroups).expect(400);
  });

  test('is optional for service discovery, which uses machine names instead of names that operators set', async () => {
    const own = await context.api.organization();
    const named = async (name: string, reportedName: string | null, labels: Record<string, string> = {}) => {
      const { id } = await own.enroll({ name });
      await context.api.db.prisma.host.update({ where: { id }, data: { labels } });
      await context.api.db.prisma.hostFacts.upsert({
        where: { hostId: id },
        create: { hostId: id, name: reportedName },
        update: { name: reportedName },
      });
    };
    await named('Berlin rack 3 (old)', 'db-07.example.com', { 'a.b': '2', 'a-b': '1' });
    await named('a/b', 'no host name');
    await named('web_1', 'no host name');
    const { body } = await own.get(`${Paths.serviceDiscoveryHosts}?port=9100`).expect(200);
    const found = (body as ServiceDiscoveryTargets).map(({ targets, labels }) => [
      targets[0],
      labels['__meta_muster_host_address_source'],
      labels['__meta_muster_host_label_a_b'],
    ]);
    expect(found).toEqual([
      ['db-07.example.com:9100', 'machine_name', '1'],
      ['web_1:9100', 'name', undefined],
    ]);
  });

  test('applies to service discovery, which returns a target with the port and the labels of each host', async () => {
    const answer = await organization.get(`${Paths.serviceDiscoveryHosts}?hostLabel=env%3Dtest&port=9100`).expect(200);
    expect(answer.headers['content-type']).toMatch(/^application\/json(; charset=utf-8)?$/);
    const [id] = [...names].find(([, name]) => name === 'test')!;
    expect(answer.body).toEqual([
      {
        targets: ['test:9100'],
        labels: {
          __meta_muster_host_id: id,
          __meta_muster_host_name: 'test',
          __meta_muster_host_freshness: 'online',
          __meta_muster_host_platform: 'linux/amd64',
          __meta_muster_host_os: 'Debian GNU/Linux 12',
          __meta_muster_host_arch: 'x86_64',
          __meta_muster_host_engine: 'Docker',
          __meta_muster_host_engine_version: '28.5.2',
          __meta_muster_host_agent_version: '0.1.0',
          __meta_muster_host_addresses: '',
          __meta_muster_host_address_source: 'name',
          __meta_muster_host_label_env: 'test',
          __meta_muster_host_label_example_com_site: 'fra',
        },
      },
    ]);
    await organization.get(`${Paths.serviceDiscoveryHosts}?port=0`).expect(400);
    await context.api.db.prisma.hostFacts.upsert({
      where: { hostId: id },
      create: { hostId: id, addresses: ['2001:db8::1', '192.0.2.7'] },
      update: { addresses: ['2001:db8::1', '192.0.2.7'] },
    });
    const [withAddress] = await read<ServiceDiscoveryTargets>(
      Paths.serviceDiscoveryHosts,
      'hostLabel=env%3Dtest&port=9100',
    );
    expect(withAddress).toMatchObject({
      targets: ['[2001:db8::1]:9100'],
      labels: { __meta_muster_host_addresses: '2001:db8::1,192.0.2.7' },
    });
    const other = await context.api.organization();
    expect((await other.get(Paths.serviceDiscoveryHosts).expect(200)).body).toEqual([]);
  });
});
