import { describe, expect, test } from '@jest/globals';
import type { EventQuery } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { listEvents, type EventListLimits } from '../src/services/inventory/events.js';
import { container } from './fixtures.js';
import { useApi, type TestOrganization } from './harness.js';

describe.each(testEngines())('lists of events on %s:', (engine) => {
  const context = useApi(engine);

  const pagesOf = async (organization: TestOrganization, query: Partial<EventQuery>, options: EventListLimits) => {
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await listEvents(context.api.db, organization.id, { limit: 50, ...query, cursor }, options);
      pages.push(page.items.map(({ kind, dockerId }) => `${kind} ${dockerId}`));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined && pages.length < 50);
    return pages;
  };

  const createThreeContainers = async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    for (let count = 1; count <= 3; count++) {
      await host.sync(['a', 'b', 'c'].slice(0, count).map((id) => container(id, { name: id === 'a' ? 'web' : 'db' })));
      context.api.clock.advance(60_000);
    }
    return { organization, host };
  };

  test('a page ends before its events exceed the byte limit, but has at least one event', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    await host.sync([container('a', { command: '0' })]);
    for (const command of ['1', '2', '3', '4']) await host.sync([container('a', { command: command.repeat(100) })]);
    expect(await pagesOf(organization, { kind: ['updated'] }, { pageBytesMax: 1 })).toEqual([
      ['updated a'],
      ['updated a'],
      ['updated a'],
      ['updated a'],
    ]);
    expect(await pagesOf(organization, { kind: ['updated'] }, {})).toHaveLength(1);
  });

  test('the byte limit of a page includes names, images and workloads', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    await host.sync(['a', 'b'].map((id) => container(id, { image: 'i'.repeat(600), labels: {} })));
    expect(await pagesOf(organization, {}, { pageBytesMax: 1_000 })).toEqual([['created b'], ['created a']]);
    await host.sync(
      ['c', 'd'].map((id) =>
        container(id, { name: 'n'.repeat(300), labels: { 'com.docker.compose.project': 'p'.repeat(300) } }),
      ),
    );
    expect(
      await pagesOf(organization, { dockerId: ['c', 'd'], kind: ['created'] }, { pageBytesMax: 1_000 }),
    ).toHaveLength(2);
  });

  test('a search that reaches its read limit continues on the next page, without skipping or repeating events', async () => {
    const { organization, host } = await createThreeContainers();
    for (const query of [{}, { hostId: [host.id] }]) {
      const pages = await pagesOf(organization, { ...query, dockerId: ['a'] }, { eventsReadMax: 1 });
      expect(pages.flat()).toEqual(['created a']);
      expect(pages.length).toBeGreaterThan(2);
      expect(await pagesOf(organization, query, { eventsReadMax: 2 })).toEqual([
        ['created c', 'created b'],
        ['created a'],
      ]);
    }
    expect(await pagesOf(organization, { name: ['web'] }, { eventsReadMax: 1 })).toEqual([['created a'], []]);
  });

  test('a search ends where all remaining events are older than `since`', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    for (const ids of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
      await host.sync(ids.map((id) => container(id)));
      context.api.clock.advance(3_600_000);
    }
    const since = new Date(context.api.clock().getTime() - 3_600_000).toISOString();
    expect(await pagesOf(organization, { since }, { eventsReadMax: 2 })).toEqual([['created c']]);
  });
});
