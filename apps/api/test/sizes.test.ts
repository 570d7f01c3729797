/** What one host, one container or one page may hold (DESIGN 3). */
import { describe, expect, test } from '@jest/globals';
import type { ContainerView, CountedPage, Host, Summary } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { container, useApi } from './harness.js';

describe.each(testEngines())('sizes on %s', (engine) => {
  const context = useApi(engine);

  describe('a field over its limit', () => {
    test('is shortened and named, and never keeps a snapshot from being stored', async () => {
      const organization = await context.api.organization();
      const host = await organization.enroll();
      const labels = Object.fromEntries(
        Array.from({ length: 4_097 }, (_, i) => [`k${String(i).padStart(4, '0')}`, '']),
      );
      const summary = await host.sync([
        container('a', { labels, status: 's'.repeat(1_000), name: 'n'.repeat(2_000) }),
        container('b', { command: 'c'.repeat(100_000), state: 's'.repeat(40) }),
        container('c'),
      ]);
      expect(summary).toMatchObject({ applied: true, created: 3 });

      const get = async (dockerId: string) =>
        (await organization.get(`/api/hosts/${host.id}/containers/${dockerId}`).expect(200)).body as ContainerView;
      const a = await get('a');
      expect(a).toMatchObject({
        name: 'n'.repeat(1_024),
        status: 's'.repeat(255),
        truncated: ['name', 'status', 'labels'],
      });
      expect(Object.keys(a.labels)).toHaveLength(4_096);
      expect(await get('b')).toMatchObject({ command: 'c'.repeat(4_096), truncated: ['command', 'state'] });
      expect(await get('c')).not.toHaveProperty('truncated');
      expect(await host.host()).toMatchObject({ truncatedCount: 2 });
    });

    test('is counted for its host until it fits again or is gone, whichever way that is found out', async () => {
      const host = await (await context.api.organization()).enroll();
      const truncated = async () => (await host.host()).truncatedCount;
      const large = (dockerId: string) => container(dockerId, { command: 'c'.repeat(5_000) });
      await host.sync([large('a'), large('b'), container('c')]);
      expect(await truncated()).toBe(2);
      await host.sync([container('a'), large('b'), container('c')]);
      expect(await truncated()).toBe(1);
      await host.sync([large('d')], { 'Snapshot-Complete': 'false', 'Snapshot-Gone': 'b' });
      expect(await truncated()).toBe(1);
      await host.sync([]);
      expect(await truncated()).toBe(0);
    });
  });

  describe('states', () => {
    test('that are not known are stored, and counted as one', async () => {
      const organization = await context.api.organization();
      const host = await organization.enroll();
      const words = Array.from({ length: 200 }, (_, i) => `word-${i}`);
      await host.sync([...words.map((state) => container(state, { state, status: '' })), container('a')]);

      const { body } = await organization.get(`/api/hosts/${host.id}`).expect(200);
      expect((body as Host).containersByState).toEqual({ running: 1, other: 200 });
      const summary = (await organization.get('/api/summary').expect(200)).body as Summary;
      expect(summary.containers.current.byState).toEqual({ running: 1, other: 200 });
      const find = async (query: string) =>
        (await organization.get(`/api/containers?${query}&count=true`).expect(200)).body as CountedPage<ContainerView>;
      expect(await find('state=word-7')).toMatchObject({ items: [{ dockerId: 'word-7', state: 'word-7' }], total: 1 });
      expect(await find('state=other')).toMatchObject({ total: 200 });
      const hosts = async (state: string) =>
        ((await organization.get(`/api/hosts?state=${state}`).expect(200)).body as CountedPage<Host>).items.length;
      expect([await hosts('word-7'), await hosts('other'), await hosts('word-300')]).toEqual([1, 1, 0]);
    });

    test('are never taken for a health', async () => {
      const organization = await context.api.organization();
      const host = await organization.enroll();
      await host.sync(['a', 'b'].map((id) => container(id, { state: 'health:healthy', status: '' })));
      const { body } = await organization.get(`/api/hosts/${host.id}`).expect(200);
      expect(body).toMatchObject({ containersByState: { other: 2 }, containersByHealth: {} });
      const found = await organization.get('/api/hosts?state=health:healthy').expect(200);
      expect((found.body as CountedPage<Host>).items).toHaveLength(1);
    });
  });
});
