import { describe, expect, test } from '@jest/globals';
import { Paths, type ContainerView, type Page, type PublishedPort } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { container } from './fixtures.js';
import { useApi } from './harness.js';

describe.each(testEngines())('a range of published ports, on %s:', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  test('of 16,384 ports on IPv4 and IPv6 is returned as two entries, and a filter by any of these ports finds the container', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const range = { privatePort: 16_384, publicPort: 16_384, type: 'udp', count: 16_384 } as const;
    const ports = [
      { ip: '0.0.0.0', ...range },
      { ip: '::', ...range },
    ];
    await host.sync([
      container('relay', { ports }),
      container('dns', { ports: [{ privatePort: 53, publicPort: 53, type: 'udp' }] }),
    ]);

    const get = async <Item>(path: string, query: object) =>
      ((await organization.get(path).query(query).expect(200)).body as Page<Item>).items;
    const relay = (await get<ContainerView>(Paths.containers, {})).find(({ dockerId }) => dockerId === 'relay');
    expect(relay!.ports).toEqual(ports);
    const portsOf = (query: object) => get<PublishedPort>('/api/ports', query);
    expect(await portsOf({})).toMatchObject([{ dockerId: 'dns' }, ...ports]);
    for (const port of [16_384, 20_000, 32_767]) {
      expect(await portsOf({ port })).toMatchObject(ports.map((entry) => ({ ...entry, dockerId: 'relay' })));
    }
    expect(await portsOf({ port: 20_000, type: 'tcp' })).toEqual([]);
    expect(await portsOf({ port: [16_383, 32_768] })).toEqual([]);
  });
});
