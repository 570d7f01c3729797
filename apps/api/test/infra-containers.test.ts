import { beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { container } from './fixtures.js';
import { useApi, type TestHost, type TestOrganization } from './harness.js';

describe.each(testEngines())('the infra container of a pod, on %s:', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  let organization: TestOrganization;
  let host: TestHost;

  beforeAll(async () => {
    organization = await context.api.organization();
    host = await organization.enroll();
    await host.sync([
      container('infra', {
        name: 'e97b0b7951b3-infra',
        image: 'localhost/podman-pause:5.4.2-1766335321',
        state: 'exited',
        status: 'Exited (137) 2 hours ago',
        ports: [{ privatePort: 80, publicPort: 8080, type: 'tcp' }],
      }),
      container('web', { name: 'web', ports: [] }),
    ]);
  });

  const get = async <T>(path: string): Promise<T> => (await organization.get(path).expect(200)).body as T;
  const list = async (query: string) => {
    const { items, total } = await get<{ items: { dockerId: string; isInfra: boolean }[]; total: number }>(
      `/api/containers?count=true&${query}`,
    );
    expect(total).toBe(items.length);
    return items.map(({ dockerId, isInfra }) => [dockerId, isInfra]);
  };

  test('is listed and counted only with infra=true', async () => {
    expect(await list('')).toEqual([['web', false]]);
    expect(await list('state=exited')).toEqual([]);
    expect(await list('problem=failed&infra=true')).toEqual([]);
    expect(await list('infra=true')).toEqual([
      ['infra', true],
      ['web', false],
    ]);
    expect(await list('infra=true&state=exited')).toEqual([['infra', true]]);
  });

  test('is exported only with infra=true, and the export marks it as an infra container', async () => {
    const rowsOf = async (query: string) => {
      const { text } = await organization.get(`${Paths.exportContainers}?${query}`).expect(200);
      const [header = '', ...rows] = text.trim().split('\r\n');
      const [id, mark] = ['dockerId', 'isInfra'].map((name) => header.split(',').indexOf(name));
      return rows.map((row) => row.split(',')).map((cells) => [cells[id!], cells.at(mark! - header.split(',').length)]);
    };
    expect(await rowsOf('')).toEqual([['web', 'false']]);
    expect(await rowsOf('infra=true')).toEqual([
      ['infra', 'true'],
      ['web', 'false'],
    ]);
  });

  test('is counted separately for its host and the fleet, and not counted for its image or as a problem', async () => {
    const counts = { containerCount: 1, infraCount: 1, containersByState: { running: 1 } };
    expect(await get(`/api/hosts/${host.id}`)).toMatchObject(counts);
    expect(await get('/api/hosts?sort=-containerCount')).toMatchObject({ items: [counts] });
    expect(await get('/api/summary')).toMatchObject({
      containers: { current: { total: 1, byState: { running: 1 }, infra: 1 } },
    });
    expect(await get('/api/images')).toMatchObject({ items: [{ containers: 1 }] });
    expect(await get('/api/attention')).toMatchObject({ containers: { total: 0 } });
  });

  test('owns the published ports of its pod', async () => {
    expect(await get('/api/ports')).toMatchObject({ items: [{ dockerId: 'infra', publicPort: 8080 }] });
  });
});
