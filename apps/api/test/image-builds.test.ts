import { beforeAll, describe, expect, test } from '@jest/globals';
import {
  BUILD_HOSTS_MAX,
  LISTED_BUILDS_MAX,
  type ContainerInput,
  type ImageBuilds,
  type ImageInUse,
} from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { container } from './fixtures.js';
import { useApi, type TestHost, type TestOrganization } from './harness.js';

const hash = (digit: string) => `sha256:${digit.repeat(64)}`;
const DOCKER = { name: 'Docker', version: '28.5.2', apiVersion: '1.51' };
const DOCKER_20 = { name: 'Docker', version: '20.10.24+dfsg1', apiVersion: '1.41' };
const PODMAN = { name: 'Podman', version: '5.4.2', apiVersion: '5.4.2' };
const ARM = { arch: 'arm64' };

describe.each(testEngines())('builds of images on %s:', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  type Facts = Pick<ContainerInput, 'imageId' | 'imageDigest'>;
  /** A host with the containers of one image. */
  type HostBuilds = [engine: object, ...containers: Facts[]];

  const get = async <T>(organization: TestOrganization, path: string, query: object = {}): Promise<T> =>
    (await organization.get(path).query(query).expect(200)).body as T;

  async function imageOf(image: string, hosts: readonly HostBuilds[]): Promise<ImageInUse> {
    const organization = await context.api.organization();
    for (const [facts, ...containers] of hosts) {
      const host = await organization.enroll(facts);
      await host.sync(containers.map((builds, index) => container(`c${index}`, { image, ...builds })));
    }
    const { items } = await get<{ items: ImageInUse[] }>(organization, '/api/images');
    expect(items).toHaveLength(1);
    const { builds, ...detail } = await get<ImageBuilds>(organization, '/api/images/builds', { image });
    expect({ ...detail, builds: builds.map(({ hostList: _, ...build }) => build) }).toEqual(items[0]);
    return items[0]!;
  }

  const docker = { engine: DOCKER };
  const old = { engine: DOCKER_20 };
  const podman = { engine: PODMAN };
  const [a, b, c, d] = [hash('a'), hash('b'), hash('c'), hash('d')];

  test.each<[string, HostBuilds[], ImageInUse['drift'], number, number]>([
    [
      'the same digest in two image stores',
      [
        [docker, { imageId: a, imageDigest: d }],
        [docker, { imageId: d, imageDigest: d }],
      ],
      'none',
      1,
      1,
    ],
    [
      'the same digest on two platforms',
      [
        [docker, { imageId: a, imageDigest: d }],
        [
          { ...docker, ...ARM },
          { imageId: b, imageDigest: d },
        ],
      ],
      'none',
      1,
      1,
    ],
    [
      'two digests of the tag',
      [
        [docker, { imageId: a, imageDigest: c }],
        [docker, { imageId: b, imageDigest: d }],
      ],
      'different',
      2,
      2,
    ],
    [
      'two digests of one image id, because the list of platforms changed',
      [
        [docker, { imageId: a, imageDigest: c }],
        [docker, { imageId: a, imageDigest: d }],
      ],
      'none',
      1,
      1,
    ],
    [
      'the same image id, with and without a digest',
      [
        [docker, { imageId: a, imageDigest: d }],
        [docker, { imageId: a }],
      ],
      'none',
      1,
      1,
    ],
    [
      'a digest on one host, and a different image id without a digest on another host',
      [
        [docker, { imageId: a, imageDigest: d }],
        [docker, { imageId: b }],
      ],
      'unknown',
      1,
      2,
    ],
    [
      'two image ids without digests on hosts whose image store is unknown',
      [
        [docker, { imageId: a }],
        [docker, { imageId: b }],
      ],
      'unknown',
      1,
      2,
    ],
    ['two image ids without digests on one host', [[docker, { imageId: a }, { imageId: b }]], 'different', 2, 2],
    [
      'two image ids without digests on engines that have one image store',
      [
        [old, { imageId: a }],
        [podman, { imageId: b }],
      ],
      'different',
      2,
      2,
    ],
    [
      'two image ids without digests on two platforms',
      [
        [old, { imageId: a }],
        [{ ...podman, ...ARM }, { imageId: b }],
      ],
      'unknown',
      1,
      2,
    ],
    [
      'a digest from Podman, which may be the digest of the platform',
      [
        [docker, { imageId: d, imageDigest: d }],
        [podman, { imageId: b, imageDigest: c }],
      ],
      'unknown',
      1,
      2,
    ],
    [
      'two manifests of one platform',
      [
        [docker, { imageId: a, imageDigest: `${c} linux/amd64` }],
        [docker, { imageId: b, imageDigest: `${d} linux/amd64` }],
      ],
      'different',
      2,
      2,
    ],
    [
      'manifests of two platforms',
      [
        [docker, { imageId: a, imageDigest: `${c} linux/amd64` }],
        [docker, { imageId: b, imageDigest: `${d} linux/arm64` }],
      ],
      'unknown',
      1,
      2,
    ],
    [
      'a manifest and a digest of the tag',
      [
        [docker, { imageId: a, imageDigest: `${c} linux/amd64` }],
        [docker, { imageId: b, imageDigest: d }],
      ],
      'unknown',
      1,
      2,
    ],
    [
      'two digests of the tag, and an image id that may belong to one of the digests',
      [
        [docker, { imageId: a, imageDigest: c }, { imageId: b, imageDigest: d }],
        [docker, { imageId: hash('e') }],
      ],
      'different',
      2,
      3,
    ],
    [
      'neither digest nor image id',
      [
        [docker, { imageId: null }],
        [docker, { imageId: null }],
      ],
      'none',
      1,
      1,
    ],
  ])('%s', async (_, hosts, drift, buildsMin, buildsMax) => {
    const found = await imageOf('registry:5000/shop/web:1', hosts);
    expect(found).toMatchObject({ repository: 'registry:5000/shop/web', tag: '1', digest: null });
    expect(found).toMatchObject({ drift, buildsMin, buildsMax });
    expect(Math.max(...found.builds.map(({ build }) => build))).toBe(buildsMax);
  });

  test.each([`web@${hash('e')}`, hash('e'), '<none>'])(
    '%s has one build, even if different digests and image ids are reported',
    async (image) => {
      const found = await imageOf(image, [
        [docker, { imageId: a, imageDigest: c }],
        [docker, { imageId: b, imageDigest: d }],
      ]);
      expect(found).toMatchObject({ drift: 'none', buildsMin: 1, buildsMax: 1 });
    },
  );

  describe('in a fleet', () => {
    let organization: TestOrganization;
    let hosts: TestHost[];

    beforeAll(async () => {
      organization = await context.api.organization();
      hosts = [];
      for (const name of ['delta', 'alpha', 'charlie']) hosts.push(await organization.enroll({ name, engine: DOCKER }));
      const current = { image: 'web:1', imageId: a, imageDigest: c };
      const earlier = { image: 'web:1', imageId: b, imageDigest: d };
      const infra = { image: 'localhost/podman-pause:5', name: 'e97b0b7951b3-infra' };
      await hosts[0]!.sync([
        container('gone', earlier),
        container('w1', current),
        container('other', { image: 'web:2', imageDigest: c }),
      ]);
      await hosts[0]!.sync([container('w1', current), container('other', { image: 'web:2', imageDigest: c })]);
      await hosts[1]!.sync([
        container('w1', current),
        container('w2', { ...current, state: 'exited' }),
        container('i', infra),
      ]);
      await hosts[2]!.sync([container('w1', earlier)]);
      const deleted = await organization.enroll({ name: 'deleted' });
      await deleted.sync([container('w1', { image: 'web:1', imageDigest: hash('f') })]);
      await context.api.db.prisma.host.update({ where: { id: deleted.id }, data: { deletedAt: context.api.clock() } });
    });

    test('the hosts of each build are listed by name, without removed and infra containers', async () => {
      const entry = (index: number, hostName: string, containers: number, running: number) => ({
        ...{ hostId: hosts[index]!.id, hostName, hostFreshness: 'online', containers, running },
      });
      expect(await get(organization, '/api/images/builds', { image: 'web:1' })).toEqual({
        ...{
          image: 'web:1',
          repository: 'web',
          tag: '1',
          digest: null,
          imageIds: 2,
          hosts: 3,
          containers: 4,
          running: 3,
        },
        ...{ drift: 'different', buildsMin: 2, buildsMax: 2, hasMoreBuilds: false, isExact: true },
        builds: [
          {
            ...{
              build: 1,
              imageDigest: c,
              imageId: null,
              platform: 'linux/amd64',
              containers: 3,
              running: 2,
              hosts: 2,
            },
            hostList: [entry(1, 'alpha', 2, 1), entry(0, 'delta', 1, 1)],
          },
          {
            ...{
              build: 2,
              imageDigest: d,
              imageId: null,
              platform: 'linux/amd64',
              containers: 1,
              running: 1,
              hosts: 1,
            },
            hostList: [entry(2, 'charlie', 1, 1)],
          },
        ],
      });
      const { items } = await get<{ items: ImageInUse[] }>(organization, '/api/images');
      expect(items.map(({ image, drift }) => [image, drift])).toEqual([
        ['web:1', 'different'],
        ['web:2', 'none'],
      ]);
    });

    test('the filter imageDigest finds the containers of a build, in lists and in exports', async () => {
      const namesOf = async (query: object) => {
        const { items, total } = await get<{ items: { hostName: string; dockerId: string }[]; total: number }>(
          organization,
          '/api/containers',
          { count: 'true', ...query },
        );
        expect(total).toBe(items.length);
        return items.map(({ hostName, dockerId }) => `${hostName} ${dockerId}`).sort();
      };
      expect(await namesOf({ imageDigest: c, image: 'web:1' })).toEqual(['alpha w1', 'alpha w2', 'delta w1']);
      expect(await namesOf({ imageDigest: c })).toEqual(['alpha w1', 'alpha w2', 'delta other', 'delta w1']);
      expect(await namesOf({ imageDigest: d })).toEqual(['charlie w1']);
      expect(await namesOf({ imageDigest: d, presence: 'all' })).toEqual(['charlie w1', 'delta gone']);
      expect(await namesOf({ imageDigest: d, presence: 'removed' })).toEqual(['delta gone']);
      // A container with a digest is not found by its image id.
      expect(await namesOf({ imageDigest: a })).toEqual([]);
      const csv = await organization.get('/api/export/containers').query({ imageDigest: d }).expect(200);
      expect(csv.text.trim().split('\n')).toHaveLength(2);
      expect(csv.text).toContain(d);
    });

    test('an image that no container uses has no builds, and a request without an image reference is refused', async () => {
      expect(await get(organization, '/api/images/builds', { image: 'web:9' })).toMatchObject({
        ...{ image: 'web:9', hosts: 0, containers: 0, drift: 'none', buildsMin: 0, buildsMax: 0, builds: [] },
      });
      await organization.get('/api/images/builds').expect(400);
    });
  });

  test('lists are bounded, and return the total number of hosts and whether there are more builds', async () => {
    const organization = await context.api.organization();
    const local = Array.from({ length: LISTED_BUILDS_MAX + 1 }, (_, index) =>
      container(`l${index}`, { image: 'local:1', imageId: hash('0').slice(0, -2) + String(index).padStart(2, '0') }),
    );
    for (let index = 0; index <= BUILD_HOSTS_MAX; index++) {
      const host = await organization.enroll({ name: `host-${String(index).padStart(3, '0')}` });
      await host.sync([container('w', { image: 'web:1', imageId: a, imageDigest: d }), ...(index === 0 ? local : [])]);
    }
    const { items } = await get<{ items: ImageInUse[] }>(organization, '/api/images');
    expect(items[0]).toMatchObject({ image: 'local:1', drift: 'different', hasMoreBuilds: true });
    expect(items[0]!.builds).toHaveLength(LISTED_BUILDS_MAX);
    expect(items[0]!.buildsMax).toBe(LISTED_BUILDS_MAX + 1);
    const { builds } = await get<ImageBuilds>(organization, '/api/images/builds', { image: 'web:1' });
    expect(builds).toMatchObject([{ hosts: BUILD_HOSTS_MAX + 1, containers: BUILD_HOSTS_MAX + 1 }]);
    expect(builds[0]!.hostList).toHaveLength(BUILD_HOSTS_MAX);
    expect(builds[0]!.hostList.at(-1)).toMatchObject({ hostName: 'host-049' });
  });
});
