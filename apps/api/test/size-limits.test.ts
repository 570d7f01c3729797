/** Limits on the size of a host, a container and a page (ADR 8). */
import { beforeAll, describe, expect, test } from '@jest/globals';
import {
  CADENCE_DEFAULT,
  Container,
  ContainerExportQuery,
  type ContainerView,
  type CountedPage,
  type Host,
  type Page,
  type PublishedPort,
  type Summary,
} from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { toContainerRow } from '../src/services/sync/container-row.js';
import { diffSnapshot } from '../src/services/sync/diff-snapshot.js';
import { createContainerReader } from '../src/services/inventory/container-reader.js';
import { exportContainers } from '../src/services/inventory/export.js';
import { withoutLoops } from '../src/services/sync/fold-loops.js';
import { readHostState } from '../src/services/sync/read-host-state.sql.js';
import { writeSnapshot } from '../src/services/sync/write-snapshot.sql.js';
import { container } from './fixtures.js';
import { useApi } from './harness.js';

describe.each(testEngines())('size limits on %s:', (engine) => {
  const context = useApi(engine);

  describe('a field over its limit', () => {
    test('is shortened and listed in `truncated`, and never prevents a snapshot from being stored', async () => {
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

    test('is counted for its host until the field is short enough or its container is removed', async () => {
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

  test('consecutive ports in one entry are found by each port, and shown as a range', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const ports = [{ privatePort: 8_000, publicPort: 9_000, type: 'tcp' as const, count: 10 }];
    await host.sync([container('a', { ports }), container('b')]);
    const find = async (query: string) =>
      ((await organization.get(`/api/ports?${query}`).expect(200)).body as Page<PublishedPort>).items;
    expect(await find('port=9009')).toMatchObject([{ publicPort: 9_000, count: 10, dockerId: 'a' }]);
    expect(await find('port=9010')).toEqual([]);
    expect(await find('')).toHaveLength(2);
    const { text } = await organization.get('/api/export/containers?format=csv').expect(200);
    expect(text).toContain('9000-9009->8000-8009/tcp');
  });

  describe('states', () => {
    test('are stored as sent if they are unknown, and counted as one state', async () => {
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

    test('are never mistaken for a health status', async () => {
      const organization = await context.api.organization();
      const host = await organization.enroll();
      await host.sync(['a', 'b'].map((id) => container(id, { state: 'health:healthy', status: '' })));
      const { body } = await organization.get(`/api/hosts/${host.id}`).expect(200);
      expect(body).toMatchObject({ containersByState: { other: 2 }, containersByHealth: {} });
      const found = await organization.get('/api/hosts?state=health:healthy').expect(200);
      expect((found.body as CountedPage<Host>).items).toHaveLength(1);
    });
  });

  describe('a host', () => {
    const many = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ ...container(`c${from + i}`), ports: [], labels: {} }));
    const partly = { 'Snapshot-Complete': 'false' };

    test('has at most 10,000 present containers, and a snapshot that would exceed this limit writes nothing', async () => {
      const host = await (await context.api.organization()).enroll();
      await host.sync(many(0, 5_000));
      await host.sync(many(5_000, 4_999), partly);
      const before = await host.host();
      const refused = await host.post(many(9_998, 3), partly).expect(400);
      expect(refused.body).toMatchObject({
        type: '/problems/invalid-request',
        errors: [{ path: '', message: 'would make 10001 present containers; a host may have at most 10000' }],
      });
      expect(await host.host()).toMatchObject({ revision: before.revision, containerCount: 9_999 });
      expect(await host.sync(many(9_998, 2), partly)).toMatchObject({ created: 1, unchanged: 1 });
      // Removed containers make room for new containers, even for new containers in the same snapshot.
      expect(await host.sync(many(10_000, 1), { ...partly, 'Snapshot-Gone': 'c0' })).toMatchObject({
        created: 1,
        removed: 1,
      });
      expect(await host.host()).toMatchObject({ containerCount: 10_000 });
    }, 180_000);

    test('cannot exceed 10,000 containers, even if a snapshot was compared with an earlier state of the host', async () => {
      const { db, clock } = context.api;
      const host = await (await context.api.organization()).enroll();
      await host.sync(many(0, 1));
      const incoming = [toContainerRow(Container.parse(container('new')))];
      const read = { complete: false, removedIds: [], observedAt: clock() };
      const base = await readHostState(db, host.id, incoming, read);
      const diff = () => diffSnapshot(base!.containers, incoming, read);
      const write = () =>
        writeSnapshot(db, {
          hostId: host.id,
          base: base!,
          diff: diff(),
          totals: null,
          complete: false,
          digest: null,
          order: null,
          heartbeatSeconds: CADENCE_DEFAULT.heartbeatSeconds,
          times: { observedAt: clock(), receivedAt: clock() },
          eventsObservedAt: clock(),
          loops: withoutLoops(diff().events),
          isContinuous: true,
        });
      await db.prisma.host.update({ where: { id: host.id }, data: { containerCount: 10_000 } });
      expect(await write()).toBeNull();
      expect(await host.row('new')).toBeNull();
      await db.prisma.host.update({ where: { id: host.id }, data: { containerCount: 9_999 } });
      expect(await write()).toMatchObject({ created: 1 });
    });

    test('is compared with an incomplete snapshot by reading only the containers that the snapshot contains or removes', async () => {
      const host = await (await context.api.organization()).enroll();
      await host.sync(many(0, 50));
      const incoming = [container('c1'), container('new')].map((one) => toContainerRow(Container.parse(one)));
      const state = await readHostState(context.api.db, host.id, incoming, {
        complete: false,
        removedIds: ['c2', 'c99'],
        observedAt: context.api.clock(),
      });
      expect(state?.containers.map(({ dockerId }) => dockerId).sort()).toEqual(['c1', 'c2']);
    });
  });

  describe('a page of rows that are as large as earlier versions allowed', () => {
    const MIB = 1024 * 1024;
    const BOUND = 4 * MIB;
    const ROWS = 45;

    /** Writes oversized values with SQL, because the API would shorten them. */
    const seedOversizedRows = async () => {
      const organization = await context.api.organization();
      const host = await organization.enroll();
      await host.sync(Array.from({ length: ROWS }, (_, i) => container(`c${i}`)));
      await context.api.db.prisma.$executeRaw`
        UPDATE containers SET project = 'p' || "dockerId",
          labels = jsonb_build_object('com.docker.compose.service', repeat('x', ${MIB}::int)),
          command = repeat('y', ${MIB}::int)
        WHERE "hostId" = ${host.id}::uuid`;
      return { organization, host };
    };

    // The tests share the rows, because none of them changes containers.
    let seeded: Awaited<ReturnType<typeof seedOversizedRows>>;
    beforeAll(async () => {
      seeded = await seedOversizedRows();
    }, 180_000);

    test.each([
      ['containers', '/api/containers?limit=200', 'dockerId'],
      ['containers of a host', '/api/containers?limit=200&sort=-name&hostId=HOST', 'dockerId'],
      ['containers of an image', '/api/containers?limit=200&image=nginx:1.29&presence=all', 'dockerId'],
      ['containers by state', '/api/containers?limit=200&sort=state&hostId=HOST', 'dockerId'],
      ['projects', '/api/projects?limit=200', 'project'],
      ['ports', '/api/ports?limit=200', 'dockerId'],
      ['images', '/api/images?limit=200', 'image'],
    ])(
      'ends at its byte limit, and all pages together have every row once: %s',
      async (_what, path, key) => {
        const { organization, host } = seeded;
        const found: string[] = [];
        let cursor = '';
        do {
          const answer = await organization.get(`${path.replace('HOST', host.id)}${cursor}`).expect(200);
          expect(answer.text.length).toBeLessThan(BOUND);
          const page = answer.body as { items: Record<string, string>[]; nextCursor: string | null };
          found.push(...page.items.map((item) => item[key]!));
          cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
        } while (cursor !== '');
        expect(found).toHaveLength(key === 'image' ? 1 : ROWS);
        expect(new Set(found).size).toBe(found.length);
      },
      180_000,
    );

    test('of an export is sent in pieces within the byte limit', async () => {
      const { organization } = seeded;
      const { db, clock } = context.api;
      const reader = createContainerReader(db, () =>
        Promise.resolve({ outages: [], otherHeartbeats: [], now: clock(), cadence: CADENCE_DEFAULT }),
      );
      const query = ContainerExportQuery.parse({ format: 'ndjson' });
      let lines = 0;
      for await (const piece of exportContainers(reader, { organizationId: organization.id } as never, query)) {
        expect(piece.length).toBeLessThan(BOUND);
        lines += piece.split('\n').length - 1;
      }
      expect(lines).toBe(ROWS);
    }, 180_000);

    test('of a history is limited by the uncompressed size of its events', async () => {
      const { organization, host } = seeded;
      await context.api.db.prisma.$executeRaw`
        UPDATE container_events SET "to" = jsonb_build_object('labels', repeat('z', ${MIB}::int))
        WHERE "hostId" = ${host.id}::uuid`;
      const { text } = await organization.get('/api/events?limit=200').expect(200);
      expect(text.length).toBeLessThan(BOUND);
    }, 180_000);
  });
});
