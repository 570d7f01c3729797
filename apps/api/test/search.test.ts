import { beforeAll, describe, expect, test } from '@jest/globals';
import { Paths, SEARCH_GROUP_MAX, SearchResult } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { container } from './fixtures.js';
import { useApi, type TestOrganization } from './harness.js';

describe.each(testEngines())('the search on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  let organization: TestOrganization;

  const labels = (project: string) => ({ 'com.docker.compose.project': project, 'com.docker.compose.service': 'web' });
  beforeAll(async () => {
    organization = await context.api.organization();
    for (const name of ['zurich-edge-01', 'zurich-edge-02']) {
      const host = await organization.enroll({ name });
      await host.sync([
        container(`${name}-a`, { name: 'payments-api', image: 'example.com/payments:41', labels: labels('payments') }),
        container(`${name}-b`, { name: 'other', image: 'nginx:1', command: 'run', labels: labels('shop') }),
      ]);
    }
    const foreign = await (await context.api.organization()).enroll({ name: 'zurich-foreign' });
    await foreign.sync([container('x', { name: 'payments-foreign' })]);
  });

  const find = async (q: string) => {
    const { body } = await organization.get(`${Paths.search}?q=${encodeURIComponent(q)}`).expect(200);
    return SearchResult.parse(body);
  };

  test('finds hosts, containers, images and projects, each project once, and nothing of another organization', async () => {
    const hosts = await find('ZURICH');
    expect(hosts.hosts.items.map(({ name }) => name)).toEqual(['zurich-edge-01', 'zurich-edge-02']);
    expect(hosts.hosts.items[0]).toMatchObject({ freshness: 'online', nameIsShared: false, addresses: null });
    const found = await find('payments');
    expect(found.hosts).toEqual({ items: [], hasMore: false });
    expect(found.containers.items.map(({ name, hostName }) => `${name} ${hostName}`)).toEqual([
      'payments-api zurich-edge-01',
      'payments-api zurich-edge-02',
    ]);
    expect(found.images.items).toEqual([{ image: 'example.com/payments:41', hosts: 2, containers: 2 }]);
    expect(found.projects).toEqual({ items: [{ project: 'payments' }], hasMore: false });
  });

  test('finds a host by the beginning of its id, and returns empty lists if nothing matches', async () => {
    const [first] = (await find('edge-01')).hosts.items;
    expect((await find(first!.id.slice(0, 13))).hosts.items.map(({ id }) => id)).toContain(first!.id);
    const nothing = { items: [], hasMore: false };
    expect(await find('no such thing')).toEqual({
      hosts: nothing,
      containers: nothing,
      images: nothing,
      projects: nothing,
    });
  });

  test('returns the first matches of each kind and states that there are more', async () => {
    const other = await context.api.organization();
    const host = await other.enroll({ name: 'many' });
    const names = Array.from({ length: SEARCH_GROUP_MAX + 1 }, (_, i) => `many-${i}`);
    await host.sync(names.map((name) => container(name, { name, image: name, labels: labels(name) })));
    const { body } = await other.get(`${Paths.search}?q=many`).expect(200);
    const found = SearchResult.parse(body);
    expect(found.hosts).toMatchObject({ hasMore: false });
    for (const group of [found.containers, found.images, found.projects]) {
      expect([group.items.length, group.hasMore]).toEqual([SEARCH_GROUP_MAX, true]);
    }
  });

  test.each(['', 'q=', 'q=a&q=b', 'q=a&limit=1'])('refuses ?%s', async (query) => {
    await organization.get(`${Paths.search}?${query}`).expect(400);
  });
});
