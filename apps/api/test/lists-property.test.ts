import { describe, expect, test } from '@jest/globals';
import {
  ContainerQuery,
  DOCKER_STATES,
  ExitReason,
  HOST_ONLY_SORT_KEYS,
  isFailed,
  type ContainerExit,
  type ContainerProblemCode,
  type ContainerView,
  type Freshness,
} from '@muster/contracts';
import type { Container } from '@muster/db';
import { testEngines } from '@muster/db/testing';
import fc from 'fast-check';
import { createContainerReader } from '../src/services/inventory/container-reader.js';
import { container } from './fixtures.js';
import { useApi, type TestHost } from './harness.js';

const NAMES = ['web', 'WEB-1', 'db_1', 'naïve 🐳', 'a\nb', 'x'.repeat(250), `${'x'.repeat(250)}y`];
const IMAGES = ['nginx:1.29', 'postgres:16', `r/${'i'.repeat(300)}`, `r/${'i'.repeat(300)}2`];
const KEYS = ['tier', '__proto__', 'a"b', 'a=b', '', "it's"];
const VALUES = ['', 'front', 'back=x', '"'];

/** More labels than the label index covers. */
const MANY_LABELS = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`many-${i}`, 'yes']));
/** The label of a container that only holds the namespaces of a pod. */
const INFRA_LABELS = { 'io.kubernetes.docker.type': 'podsandbox' };
/** More text than the text index covers. */
const LONG_COMMAND = `sh -c ${'-'.repeat(1_100)} needle`;

const anyContainer = fc.record({
  dockerId: fc.constantFrom('a1b2c3d4e5f60', 'a1b2c3d4e5f61', 'b', 'web', 'E.x_-'),
  name: fc.constantFrom(...NAMES),
  image: fc.constantFrom(...IMAGES),
  command: fc.constantFrom('', 'nginx -g', 'do 100% work', LONG_COMMAND),
  state: fc.constantFrom('created', 'running', 'exited', 'stopped', 'hibernating', 'adrift'),
  exit: fc.option(
    fc.record({
      code: fc.constantFrom(0, 1, 137, 143),
      reason: fc.constantFrom(...ExitReason.options),
      error: fc.constant(''),
      finishedAt: fc.constant(null),
    }),
  ),
  status: fc.constantFrom('', 'Up 6 minutes (healthy)', 'Up 1 second (unhealthy)', 'Exited (1) 2 hours ago'),
  labels: fc.oneof(
    fc.dictionary(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES), { noNullPrototype: true }),
    fc.constant(MANY_LABELS),
    fc.constant(INFRA_LABELS),
  ),
});
const anySnapshot = fc.uniqueArray(anyContainer, { selector: ({ dockerId }) => dockerId, maxLength: 5 });

/** Two snapshots for each of three hosts. The second snapshot removes, changes and restores containers. */
const anyFleet = fc.array(fc.tuple(anySnapshot, anySnapshot), { minLength: 3, maxLength: 3 });

const label = fc.record({
  key: fc.constantFrom(...KEYS, 'many-3', 'absent'),
  value: fc.option(fc.constantFrom(...VALUES, 'yes')),
});
const some = <T>(values: T[]) => fc.subarray(values, { minLength: 1, maxLength: 2 });

/** The freshness of each host's containers, and the seconds of silence that produce it. */
const SILENCES = [
  ['online', 0],
  ['stale', 60],
  ['offline', 600],
] as const;

const BY_NAME = { key: 'name', descending: false } as const;

type QueryForHosts = Omit<ContainerQuery, 'hostId'> & { hosts: number[] | undefined };

const anyQuery: fc.Arbitrary<QueryForHosts> = fc.record({
  hosts: fc.option(some([0, 1, 2]), { nil: undefined, freq: 4 }),
  hostFreshness: fc.option(some<(typeof SILENCES)[number][0]>(['online', 'stale', 'offline']), {
    nil: undefined,
    freq: 3,
  }),
  state: fc.option(some(['created', 'running', 'exited', 'hibernating', 'other', 'none']), { nil: undefined, freq: 3 }),
  health: fc.option(some<'healthy' | 'unhealthy' | 'starting'>(['healthy', 'unhealthy', 'starting']), {
    nil: undefined,
    freq: 4,
  }),
  problem: fc.option(some<ContainerProblemCode>(['unhealthy', 'failed', 'crash_loop']), { nil: undefined, freq: 4 }),
  exitReason: fc.option(some([...ExitReason.options]), { nil: undefined, freq: 4 }),
  image: fc.option(some(IMAGES), { nil: undefined, freq: 3 }),
  label: fc.option(fc.array(label, { minLength: 1, maxLength: 2 }), { nil: undefined, freq: 2 }),
  q: fc.option(
    fc.constantFrom(
      ...['w', 'We', 'B', 'd_', 'E.', '%', '_', '🐳', 'NA', '\n', 'x', 'ï'],
      ...['WEB', '100%', 'ïve', 'needle', 'nginx', 'xxx', 'b_1', 'a1b2c3', 'a1b2c3d4e5f61', 'a\nb', '...'],
    ),
    {
      nil: undefined,
      freq: 2,
    },
  ),
  presence: fc.constantFrom('present', 'removed', 'all'),
  infra: fc.boolean(),
  sort: fc.record({
    key: fc.constantFrom('name', 'image', 'state', 'firstSeenAt', 'changedAt'),
    descending: fc.boolean(),
  }),
  limit: fc.integer({ min: 1, max: 6 }),
  count: fc.boolean(),
});

/** The default read limit, and limits so small that each way to find a page is tried and then stopped. */
const ROW_BUDGETS = [undefined, 1, 2, 5, 9];

/** When lists sort by state, all states that Docker does not have count as one state. */
const stateKey = ({ state }: Container) => (DOCKER_STATES.some((known) => known === state) ? state : 'other');

/** A simple reference implementation of the filters. */
function matchesQuery(row: Container, query: ContainerQuery, hostFreshness: Freshness): boolean {
  const labels = new Map(Object.entries(row.labels as Record<string, string>));
  const matchesSearch = (q: string) =>
    row.dockerId.startsWith(q) ||
    (Array.from(q).length < 3
      ? row.name.toLowerCase().startsWith(q.toLowerCase())
      : [row.name, row.image, row.command].some((text) => text.toLowerCase().includes(q.toLowerCase())));
  return (
    (query.presence === 'all' || (query.presence === 'present') === (row.removedAt === null)) &&
    (!row.isInfra || (query.infra && query.problem === undefined)) &&
    (query.hostId?.includes(row.hostId) ?? true) &&
    (query.hostFreshness?.some((freshness) => freshness === hostFreshness) ?? true) &&
    (query.state?.some((state) => state === row.state || state === stateKey(row)) ?? true) &&
    (query.health?.some((health) => health === row.health) ?? true) &&
    (query.problem?.some((problem) => hasProblem(row, problem)) ?? true) &&
    (query.exitReason?.some((reason) => row.removedAt === null && reason === exitOf(row)?.reason) ?? true) &&
    (query.image?.includes(row.image) ?? true) &&
    (query.label ?? []).every(({ key, value }) => labels.has(key) && (value === null || labels.get(key) === value)) &&
    (query.q === undefined || matchesSearch(query.q))
  );
}

/** Returns whether a row has a problem. Crash loops are ignored, because two snapshots are too few for a crash loop. */
const hasProblem = (row: Container, problem: ContainerProblemCode): boolean =>
  row.removedAt === null && (problem === 'failed' ? isFailed({ ...row, exit: exitOf(row) }) : problem === row.health);

const exitOf = ({ exit }: Container) => exit as ContainerExit | null;

function compareRows(a: Container, b: Container, { key, descending }: ContainerQuery['sort']): number {
  const cut = (text: string) => Array.from(text).slice(0, 200).join('');
  const place = (row: Container): string[] => {
    const own = {
      name: [cut(row.name)],
      image: [cut(row.image), cut(row.name)],
      state: [stateKey(row)],
      firstSeenAt: [row.firstSeenAt.toISOString()],
      changedAt: [row.changedAt.toISOString()],
    };
    return [...own[key], row.hostId, row.dockerId];
  };
  const [left, right] = [place(a), place(b)];
  const differing = left.findIndex((text, index) => text !== right[index]);
  if (differing === -1) return 0;
  return (descending ? -1 : 1) * Buffer.compare(Buffer.from(left[differing]!), Buffer.from(right[differing]!));
}

describe.each(testEngines())('lists of containers on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  test('contain each selected row once and in order, for any page size and any way to find the rows', async () => {
    await fc.assert(
      fc.asyncProperty(anyFleet, fc.array(anyQuery, { minLength: 6, maxLength: 6 }), async (fleet, queries) => {
        const organization = await context.api.organization();
        const hosts: TestHost[] = [];
        while (hosts.length < fleet.length) hosts.push(await organization.enroll());
        for (const round of [0, 1] as const) {
          for (const [index, host] of hosts.entries()) {
            await host.sync(fleet[index]![round].map(({ dockerId, ...fields }) => container(dockerId, fields)));
            if (index !== 1) context.api.clock.advance(1_000);
          }
        }
        const { prisma } = context.api.db;
        const freshnessOf = new Map<string, Freshness>();
        for (const [index, { id }] of hosts.entries()) {
          const [freshness, silentSeconds] = SILENCES[index]!;
          const lastSeenAt = new Date(context.api.clock().getTime() - silentSeconds * 1_000);
          await prisma.host.update({ where: { id }, data: { lastSeenAt, confirmedAt: lastSeenAt } });
          freshnessOf.set(id, freshness);
        }
        const rows = await prisma.container.findMany({ where: { organizationId: organization.id } });
        for (const { hosts: indexes, ...asked } of queries) {
          const sort = indexes === undefined && HOST_ONLY_SORT_KEYS.includes(asked.sort.key) ? BY_NAME : asked.sort;
          const query: ContainerQuery = { ...asked, sort, hostId: indexes?.map((index) => hosts[index]!.id) };
          const expected = rows
            .filter((row) => matchesQuery(row, query, freshnessOf.get(row.hostId)!))
            .sort((a, b) => compareRows(a, b, query.sort));
          for (const rowsMax of ROW_BUDGETS) {
            const found = await readAll(organization.id, query, rowsMax, expected.length);
            expect({ rowsMax, query, found }).toEqual({
              rowsMax,
              query,
              found: expected.map(({ hostId, dockerId }) => `${hostId} ${dockerId}`),
            });
          }
        }
      }),
      { numRuns: 10, endOnFailure: true },
    );
  }, 240_000);

  test('show a rare match on the first page, regardless of its position in the order', async () => {
    const { list } = await createHaystack();
    const page = await list(16);
    expect(page).toMatchObject({ items: [{ name: 'c29' }], nextCursor: null, total: 1, totalIsExact: true });
    expect(page.incomplete).toBeUndefined();
  });

  test('end a page at the read limit, mark it as incomplete, and continue on the next page', async () => {
    const { list } = await createHaystack();
    expect(await list(1, 'hay')).toMatchObject({ items: [{}, {}, {}], total: 1, totalIsExact: false });
    const pages = [await list(1)];
    while (pages.at(-1)!.nextCursor !== null) pages.push(await list(1, 'needle', pages.at(-1)!.nextCursor!));
    expect(pages.length).toBeGreaterThan(3);
    expect(pages.flatMap(({ items }) => items.map(({ name }) => name))).toEqual(['c29']);
    expect(pages.map(({ incomplete }) => incomplete)).toEqual([...pages.slice(1).map(() => true), undefined]);
  });

  test('find all matches of common and rare words, even though only rare words are searched in the index', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const ids = Array.from({ length: 120 }, (_, index) => `c${String(index).padStart(3, '0')}`);
    const command = (id: string) => (id === 'c118' ? 'needle: run app' : `run app${id > 'c116' ? ' needle' : ''}`);
    const byId = container('app-needle', { name: 'z', command: 'a needle' });
    await host.sync([...ids.map((id) => container(id, { name: id, command: command(id) })), byId]);
    for (const rowsMax of [6, undefined]) {
      const found = (q: string) => readAll(organization.id, { ...ContainerQuery.parse({ limit: '3' }), q }, rowsMax, 2);
      expect(await found('app needle')).toEqual([`${host.id} c117`, `${host.id} c119`]);
      expect(await found('run app need')).toHaveLength(2);
      expect(await found('app-needle')).toEqual([`${host.id} app-needle`]);
    }
  });

  test('find each crash loop and each other problem once, with any read limit', async () => {
    const organization = await context.api.organization();
    const hosts = [await organization.enroll(), await organization.enroll()];
    const others = Array.from({ length: 20 }, (_, index) => container(`a${index}`));
    const failed = container('failed', { state: 'exited', status: 'Exited (1) 1 second ago' });
    const crashed = { state: 'exited', status: 'Exited (2) 1 second ago' };
    for (let crash = 0; crash < 3; crash++) {
      for (const host of hosts) await host.sync([...others, container('loop'), failed]);
      for (const host of hosts) await host.sync([...others, container('loop', crashed), failed]);
    }
    await hosts[0]!.sync([...others, container('loop'), failed]);
    const key = (dockerId: string) => hosts.map(({ id }) => `${id} ${dockerId}`).sort();
    for (const rowsMax of ROW_BUDGETS) {
      const found = (...problem: ContainerProblemCode[]) =>
        readAll(organization.id, { ...ContainerQuery.parse({ limit: '3' }), problem }, rowsMax, 4);
      expect(await found('crash_loop')).toEqual(key('loop'));
      expect(await found('crash_loop', 'failed')).toEqual([...key('failed'), ...key('loop')]);
      expect(await found('crash_loop', 'unhealthy')).toEqual(key('loop'));
    }
  });

  /** Creates 30 containers. Only the last container in the order by name has a different command. */
  async function createHaystack() {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const names = Array.from({ length: 30 }, (_, index) => `c${String(index).padStart(2, '0')}`);
    await host.sync(names.map((name) => container(name, { name, command: name === 'c29' ? 'a needle' : 'hay' })));
    const operator = { organizationId: organization.id, actor: 'api_key:', role: 'viewer' } as const;
    return {
      list: (rowsMax: number, q = 'needle', cursor?: string) =>
        readerWith(rowsMax).list(operator, { ...ContainerQuery.parse({ q, limit: '3', count: 'true' }), cursor }),
    };
  }

  function readerWith(rowsMax: number | undefined) {
    const now = context.api.clock();
    const cadence = { heartbeatSeconds: 10, snapshotSeconds: 60 };
    return createContainerReader(
      context.api.db,
      () => Promise.resolve({ now, cadence, otherHeartbeats: [], outages: [] }),
      rowsMax === undefined ? {} : { rowsMax },
    );
  }

  async function readAll(organizationId: string, query: ContainerQuery, rowsMax: number | undefined, total: number) {
    const reader = readerWith(rowsMax);
    const found: ContainerView[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await reader.list({ organizationId, actor: 'api_key:', role: 'viewer' }, { ...query, cursor });
      expect(page.items.length).toBeLessThanOrEqual(query.limit);
      if (page.incomplete === true) expect(page.items.length).toBeLessThan(query.limit + 1);
      else if (page.nextCursor !== null) expect(page.items).toHaveLength(query.limit);
      if (!query.count) expect(page.total).toBeUndefined();
      else if (page.totalIsExact === true) expect(page.total).toBe(total);
      else expect(page.total).toBeLessThanOrEqual(total);
      if (rowsMax === undefined) expect(page.totalIsExact).toBe(query.count ? true : undefined);
      found.push(...page.items);
      cursor = page.nextCursor ?? undefined;
      pages += 1;
      expect(pages).toBeLessThan(50);
    } while (cursor !== undefined);
    return found.map(({ hostId, dockerId }) => `${hostId} ${dockerId}`);
  }
});
