import { describe, expect, test } from '@jest/globals';
import {
  ContainerFreshness,
  HostProblemCode,
  Paths,
  Summary,
  type ImageInUse,
  type Page,
  type Project,
  type PublishedPort,
} from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { listImages, type ImageListLimits } from '../src/services/inventory/images.js';
import { listPorts, type PortListLimits } from '../src/services/inventory/ports.js';
import { listProjects, type ProjectListLimits } from '../src/services/inventory/projects.js';
import { container } from './fixtures.js';
import { useApi, type TestOrganization } from './harness.js';

const LONG = `registry.example/${'a'.repeat(250)}`;
const MINUTE = 60_000;

describe.each(testEngines())('the fleet summary on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  const summaryOf = async (organization: TestOrganization) =>
    Summary.parse((await organization.get('/api/summary').expect(200)).body);

  test('has totals that add up, and counts the last known containers of silent hosts separately from current containers', async () => {
    const organization = await context.api.organization();
    const silent = await organization.enroll();
    await silent.sync([container('a'), container('b', { state: 'exited', status: 'Exited (0) 1 hour ago' })]);
    await organization.enroll();
    const gone = await organization.enroll();
    await gone.sync([container('z')]);
    await context.api.http.delete(`/api/hosts/${gone.id}`).auth(organization.adminKey, { type: 'bearer' }).expect(204);
    context.api.clock.advance(10 * MINUTE);
    const live = await organization.enroll();
    await live.sync([container('a'), container('c', { status: 'Up 1 second (unhealthy)' })]);
    const down = await organization.enroll();
    await down.sync([container('d')]);
    await down.beat({ digest: null, engineError: 'no socket' }).expect(200);
    const partial = await organization.enroll();
    await partial.sync([container('e')], { 'Snapshot-Complete': 'false' });

    const { hosts, containers } = await summaryOf(organization);
    expect(hosts).toEqual({
      total: 5,
      byProblem: {
        ...Object.fromEntries(HostProblemCode.options.map((code) => [code, 0])),
        engine_unreachable: 1,
      },
      cloneSuspected: 0,
      // The host that has sent only incomplete snapshots is online, but its containers are not confirmed.
      byFreshness: { online: 2, stale: 0, offline: 1, never: 1, engine_down: 1, left: 0 },
    });
    expect(containers).toEqual({
      current: {
        total: 2,
        byState: { running: 2 },
        byHealth: { healthy: 1, unhealthy: 1 },
        byExitReason: {},
        infra: 0,
      },
      lastKnown: { total: 4, byState: { running: 3, exited: 1 }, byHealth: { healthy: 3 }, byExitReason: {}, infra: 0 },
    });
  });

  test('contains only numbers that lists also return as their totals', async () => {
    const organization = await context.api.organization();
    const silent = await organization.enroll();
    await silent.sync([container('a'), container('b', { state: 'hibernating', status: '' })]);
    context.api.clock.advance(10 * MINUTE);
    const live = await organization.enroll();
    await live.sync([
      container('a'),
      container('b', { status: 'Up 1 second (unhealthy)' }),
      container('c', { status: 'Up 1 second (health: starting)' }),
      container('d', { state: 'exited', status: 'Exited (1) 1 hour ago' }),
      container('e', { state: 'hibernating', status: '' }),
      container('f', { state: 'other', status: '' }),
    ]);
    await live.beat({ digest: null, problems: [{ code: 'list_refused', message: 'denied' }] }).expect(200);
    const { hosts, containers } = await summaryOf(organization);
    const totalOf = async (path: string, query: object) => {
      const { body } = await organization
        .get(path)
        .query({ ...query, count: 'true', limit: '1' })
        .expect(200);
      expect(body).toMatchObject({ totalIsExact: true });
      return (body as { total: number }).total;
    };
    for (const [freshness, count] of Object.entries(hosts.byFreshness)) {
      expect([freshness, await totalOf(Paths.hosts, { freshness })]).toEqual([freshness, count]);
    }
    for (const [problem, count] of Object.entries(hosts.byProblem)) {
      expect([problem, await totalOf(Paths.hosts, { problem })]).toEqual([problem, count]);
    }
    const lastKnown = ContainerFreshness.options.filter((freshness) => freshness !== 'online');
    for (const [hostFreshness, counts] of [
      [['online'], containers.current],
      [lastKnown, containers.lastKnown],
    ] as const) {
      expect(await totalOf(Paths.containers, { hostFreshness })).toBe(counts.total);
      for (const [state, count] of Object.entries(counts.byState)) {
        expect([state, await totalOf(Paths.containers, { hostFreshness, state })]).toEqual([state, count]);
      }
      for (const [health, count] of Object.entries(counts.byHealth)) {
        expect([health, await totalOf(Paths.containers, { hostFreshness, health })]).toEqual([health, count]);
      }
    }
    expect(containers.current.byState).toEqual({ running: 3, exited: 1, other: 2 });
    expect(containers.lastKnown.byState).toEqual({ running: 1, other: 1 });
  });

  test('is all zeros for an organization without hosts', async () => {
    const { hosts, containers } = await summaryOf(await context.api.organization());
    expect(hosts.total).toBe(0);
    expect(containers).toEqual({
      current: { total: 0, byState: {}, byHealth: {}, byExitReason: {}, infra: 0 },
      lastKnown: { total: 0, byState: {}, byHealth: {}, byExitReason: {}, infra: 0 },
    });
  });

  test('counts a suspected clone for a day', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const at = context.api.clock();
    await context.api.db.prisma.host.update({ where: { id: host.id }, data: { cloneSuspectedAt: at } });
    expect((await summaryOf(organization)).hosts.cloneSuspected).toBe(1);
    context.api.clock.advance(24 * 60 * MINUTE + 1);
    expect((await summaryOf(organization)).hosts.cloneSuspected).toBe(0);
  });
});

describe.each(testEngines())('images, ports and projects of the fleet on %s:', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  /**
   * Creates three hosts. Two names are not in the order of the ids. The third host is marked deleted, but its rows
   * remain.
   */
  async function createHosts() {
    const organization = await context.api.organization();
    const [beta, alpha, gone] = [
      await organization.enroll({ name: 'beta' }),
      await organization.enroll({ name: 'alpha' }),
      await organization.enroll({ name: 'gone' }),
    ];
    const project = (name: string, service: string) => ({
      'com.docker.compose.project': name,
      'com.docker.compose.service': service,
    });
    const published = (publicPort: number, ip?: string) => [
      { privatePort: 80, publicPort, type: 'tcp' as const, ...(ip ? { ip } : {}) },
    ];
    const quiet = { ports: [], labels: {} };
    await beta.sync([
      container('a', { image: 'nginx:1.29', ports: published(443), labels: project('shop', 'web') }),
      container('b', { image: 'nginx:1.29', imageId: 'sha256:1111', ...quiet, labels: project('shop', 'worker') }),
      container('c', { image: `${LONG}1`, state: 'exited', ...quiet }),
      container('d', { image: `${LONG}2`, ...quiet }),
      container('e', { image: `${LONG}3`, ...quiet }),
      container('r', { image: 'removed:1', ports: published(9), labels: project('removed', 'x') }),
    ]);
    await beta.sync([
      container('a', { image: 'nginx:1.29', ports: published(443), labels: project('shop', 'web') }),
      container('b', { image: 'nginx:1.29', imageId: 'sha256:1111', ...quiet, labels: project('shop', 'worker') }),
      container('c', { image: `${LONG}1`, state: 'exited', ...quiet }),
      container('d', { image: `${LONG}2`, ...quiet }),
      container('e', { image: `${LONG}3`, ...quiet }),
    ]);
    await alpha.sync([
      container('a', {
        image: 'nginx:1.29',
        status: 'Up 1 second (unhealthy)',
        ports: [...published(8080), ...published(443, '127.0.0.1'), { privatePort: 53, type: 'udp' }],
        labels: project('shop', 'web'),
      }),
      container('p', { image: 'alpine', ...quiet, labels: { 'io.podman.compose.project': 'api' } }),
    ]);
    await gone.sync([container('a', { image: 'gone:1', ports: published(443), labels: project('gone', 'x') })]);
    await context.api.db.prisma.host.update({ where: { id: gone.id }, data: { deletedAt: context.api.clock() } });
    return { organization, alpha, beta };
  }

  const freshnessContext = () =>
    Promise.resolve({
      now: context.api.clock(),
      cadence: { heartbeatSeconds: 10, snapshotSeconds: 60 },
      otherHeartbeats: [],
      outages: [],
    });

  /** Reads all pages of a list. */
  async function readAll<T>(read: (cursor: string | undefined) => Promise<Page<T>>): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    for (let pages = 1; ; pages++) {
      const page = await read(cursor);
      items.push(...page.items);
      if (page.nextCursor === null) return items;
      cursor = page.nextCursor;
      expect(pages).toBeLessThan(50);
    }
  }

  /** Page sizes, all of which must yield the same list. */
  const LIMITS = [1, 2, 3, 50];

  test('images are counted across hosts by reference, without gaps or repeats at any page size', async () => {
    const { organization } = await createHosts();
    const budgets: ImageListLimits[] = [{}, { rowsMax: 1 }, { stepsMax: 1, emptyPageStepsMax: 1 }];
    const images = (q: string | undefined, limit: number, budget: ImageListLimits) =>
      readAll<ImageInUse>((cursor) => listImages(context.api.db, organization.id, { q, limit, cursor }, budget));
    const one = { imageIds: 1, hosts: 1, containers: 1, running: 1, isExact: true };
    const all = [
      { ...one, image: 'alpine' },
      { ...one, image: 'nginx:1.29', imageIds: 2, hosts: 2, containers: 3, running: 3 },
      { ...one, image: `${LONG}1`, running: 0 },
      { ...one, image: `${LONG}2` },
      { ...one, image: `${LONG}3` },
    ].map((counts) => expect.objectContaining(counts));
    for (const limit of LIMITS) {
      for (const budget of budgets) {
        expect(await images(undefined, limit, budget)).toEqual(all);
        expect(await images('NGINX', limit, budget)).toEqual([all[1]]);
        expect(await images('aaa3', limit, budget)).toEqual([all[4]]);
        expect(await images('none', limit, budget)).toEqual([]);
      }
    }
    const { body } = await organization.get('/api/images?q=nginx').expect(200);
    expect(body).toEqual({ items: [all[1]], nextCursor: null });
  });

  test('an image with more containers than the counting limit has `isExact: false`', async () => {
    const { organization } = await createHosts();
    const query = { q: 'nginx', limit: 50 };
    const { items } = await listImages(context.api.db, organization.id, query, { rowsOfImageMax: 2 });
    expect(items).toMatchObject([{ image: 'nginx:1.29', containers: 2, isExact: false }]);
  });

  test('ports are listed with their containers and hosts, ordered by host and port, at any page size', async () => {
    const { organization, alpha, beta } = await createHosts();
    const budgets: PortListLimits[] = [{}, { rowsMax: 1 }, { rowsMax: 1, shortPageSteps: 1, emptyPageSteps: 1 }];
    const ports = async (query: object, limit: number, budget: PortListLimits) => {
      const source = { db: context.api.db, freshnessContext };
      const items = await readAll<PublishedPort>((cursor) =>
        listPorts(source, organization.id, { ...query, limit, cursor }, budget),
      );
      return items.map(({ hostName, ip, publicPort }) => `${hostName} ${ip ?? '*'}:${publicPort}`);
    };
    const all = ['alpha 127.0.0.1:443', 'alpha *:8080', 'beta *:443'];
    for (const limit of LIMITS) {
      for (const budget of budgets) {
        expect(await ports({}, limit, budget)).toEqual(all);
        expect(await ports({ port: [443] }, limit, budget)).toEqual([all[0], all[2]]);
        expect(await ports({ port: [443, 8080], hostId: [alpha.id] }, limit, budget)).toEqual([all[0], all[1]]);
        expect(await ports({ type: ['udp'] }, limit, budget)).toEqual([]);
      }
    }
    const { body } = await organization.get(`/api/ports?port=443&hostId=${beta.id}`).expect(200);
    expect(body).toEqual({
      items: [
        {
          publicPort: 443,
          type: 'tcp',
          ip: null,
          privatePort: 80,
          hostId: beta.id,
          hostName: 'beta',
          hostFreshness: 'online',
          dockerId: 'a',
          containerName: 'name-of-a',
          image: 'nginx:1.29',
          state: 'running',
        },
      ],
      nextCursor: null,
    });
  });

  test('projects are grouped by host, with their running containers, at any page size', async () => {
    const { organization, alpha, beta } = await createHosts();
    const budgets: ProjectListLimits[] = [{}, { rowsMax: 1 }, { stepsMax: 1, emptyPageStepsMax: 1 }];
    const projects = async (query: object, limit: number, budget: ProjectListLimits) => {
      const source = { db: context.api.db, freshnessContext };
      const items = await readAll<Project>((cursor) =>
        listProjects(source, organization.id, { ...query, limit, cursor }, budget),
      );
      return items.map(({ project, hostName }) => `${project} ${hostName}`);
    };
    // Ids are in the order of enrollment.
    const all = ['api alpha', 'shop beta', 'shop alpha'];
    for (const limit of LIMITS) {
      for (const budget of budgets) {
        expect(await projects({}, limit, budget)).toEqual(all);
        expect(await projects({ q: 'SHO' }, limit, budget)).toEqual(all.slice(1));
        expect(await projects({ hostId: [alpha.id] }, limit, budget)).toEqual(['api alpha', 'shop alpha']);
        expect(await projects({ hostId: [beta.id], q: 'api' }, limit, budget)).toEqual([]);
      }
    }
    const { body } = await organization.get('/api/projects?q=shop').expect(200);
    expect(body).toEqual({
      items: [
        {
          project: 'shop',
          hostId: beta.id,
          hostName: 'beta',
          hostFreshness: 'online',
          kind: 'compose',
          services: ['web', 'worker'],
          containers: 2,
          running: 2,
          unhealthy: 0,
        },
        {
          project: 'shop',
          hostId: alpha.id,
          hostName: 'alpha',
          hostFreshness: 'online',
          kind: 'compose',
          services: ['web'],
          containers: 1,
          running: 1,
          unhealthy: 1,
        },
      ],
      nextCursor: null,
    });
  });

  test.each(['images', 'ports', 'projects'])(
    '%s: an invalid cursor and an unknown parameter are refused with the name of the parameter',
    async (list) => {
      const organization = await context.api.organization();
      const cursor = await organization.get(`/api/${list}?cursor=nonsense`).expect(400);
      expect(cursor.body).toMatchObject({ errors: [{ path: '/cursor' }] });
      const unknown = await organization.get(`/api/${list}?colour=red`).expect(400);
      expect(unknown.body).toMatchObject({ errors: [{ path: '/colour' }] });
    },
  );
});
