/**
 * The freshness and problems of a host are computed in two places. TypeScript computes them for single rows. SQL
 * computes them for many hosts together, for filters, counts and the live stream. These tests compare the results of
 * the two computations for random hosts. To repeat a run, set `MUSTER_TEST_FUZZ_SEED` to its seed.
 */
import { afterAll, describe, expect, test } from '@jest/globals';
import {
  ContainerFreshness,
  Freshness,
  HostProblemCode,
  Paths,
  type ContainerView,
  type FleetMap,
  type Host,
  type Page,
  type Summary,
} from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { createApp } from '../src/app.js';
import { clocksOf, TestApi, TestOrganization, useApi } from './harness.js';
import { TestServer } from './test-server.js';

const HOSTS = 300;
const SEED = Number(process.env['MUSTER_TEST_FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const AGENT_CODES = ['engine_unreachable', 'list_refused', 'too_many_containers', 'snapshot_refused', 'clock_skew'];

/**
 * Seconds before now. Many values are at or next to a freshness limit of some heartbeat interval. Negative values are
 * in the future.
 */
const age = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(0, 3, 30, 135, 300, 450, 1_800, 6_000, 86_400),
      fc.constantFrom(-0.002, -0.001, 0, 0.001, 0.002),
    )
    .map(([limit, beside]) => limit + beside),
  fc.double({ min: -4_000, max: 100_000, noNaN: true }),
);

const sometimes = <T>(percent: number, value: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: percent, arbitrary: value }, { weight: 100 - percent, arbitrary: fc.constant(null) });

const hostColumns = (now: Date) => {
  const instant = age.map((seconds) => new Date(now.getTime() - Math.round(seconds * 1_000)));
  const aDayAgo = fc.constantFrom(-1, 0, 1).map((offsetMs) => new Date(now.getTime() - 86_400_000 + offsetMs));
  const problem = fc.record({
    code: fc.constantFrom(...AGENT_CODES),
    message: fc.constant('for a reason'),
    since: instant.map((since) => since.toISOString()),
  });
  return fc.record({
    lastSeenAt: sometimes(85, instant),
    confirmedAt: sometimes(70, instant),
    observedAt: sometimes(70, instant),
    leftAt: sometimes(15, instant),
    engineError: sometimes(30, fc.constantFrom('', 'no socket')),
    heartbeatSeconds: sometimes(70, fc.constantFrom(1, 10, 45, 600)),
    agentProblems: fc.oneof(fc.constant([]), fc.uniqueArray(problem, { maxLength: 3, selector: ({ code }) => code })),
    snapshotRefusedAt: sometimes(30, instant),
    truncatedCount: fc.constantFrom(0, 0, 1, 7),
    cloneSuspectedAt: sometimes(30, fc.oneof(instant, aDayAgo)),
    clockSkewSeconds: sometimes(70, fc.integer({ min: -1_000, max: 1_000 })),
  });
};

/** Counts how often each word occurs. */
const countsOf = (words: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
};

const MILD = ['truncated', 'clock_skew'];

/** Computes the severity of a host from a response. Lists of hosts can be sorted by this severity. */
function severityOf({ freshness, problems }: Host): number {
  if (freshness === 'left') return 0;
  const isSevere = problems.some(({ code }) => !MILD.includes(code));
  if (freshness === 'offline' || freshness === 'engine_down' || isSevere) return 5;
  if (freshness === 'stale') return 4;
  if (problems.length > 0) return 3;
  return freshness === 'never' ? 2 : 1;
}

describe.each(testEngines())('random hosts on %s', (engine) => {
  const context = useApi(engine);
  let server: TestServer | undefined;
  afterAll(() => server?.close());

  test('have the same freshness and problems in lists, filters, counts and the live stream', async () => {
    const { db, clock } = context.api;
    const { prisma } = db;
    const organization = await context.api.organization();
    const now = clock();
    const rows = fc.sample(hostColumns(now), { seed: SEED, numRuns: HOSTS }).map((columns, index) => ({
      id: randomUUID(),
      organizationId: organization.id,
      name: String(index),
      engineId: String(index),
      os: 'Linux',
      arch: 'x86_64',
      engineName: 'Docker',
      engineVersion: '28',
      engineApiVersion: '1.51',
      agentVersion: '1',
      enrolledAt: now,
      containerCount: 1,
      stateCounts: { running: 1 },
      ...columns,
    }));
    await prisma.host.createMany({ data: rows });
    await prisma.container.createMany({
      data: rows.map(({ id }) => ({
        hostId: id,
        dockerId: 'c',
        organizationId: organization.id,
        name: 'c',
        image: 'i',
        command: '',
        state: 'running',
        status: 'Up',
        ports: [],
        labels: {},
        digest: '',
        firstSeenAt: now,
        changedAt: now,
      })),
    });
    const outage = (from: number, to: number) => ({
      startedAt: new Date(now.getTime() - from * 1_000),
      endedAt: new Date(now.getTime() - to * 1_000),
    });
    await prisma.serviceOutage.createMany({ data: [outage(5_000, 4_000), outage(4_500, 3_900), outage(20, 15)] });

    const app = createApp({ db, ...clocksOf(clock) });
    const api = new TestOrganization(new TestApi(db, app, clock), organization.id, organization.adminKey);
    async function all<Item>(path: string, query: string): Promise<Item[]> {
      const items: Item[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const { body } = await api.get(`${path}?limit=200${query}${cursor && `&cursor=${cursor}`}`).expect(200);
        const page = body as Page<Item>;
        items.push(...page.items);
        cursor = page.nextCursor;
      }
      return items;
    }
    const hosts = await all<Host>(Paths.hosts, '');
    const containers = await all<ContainerView>(Paths.containers, '');
    expect([hosts.length, containers.length]).toEqual([HOSTS, HOSTS]);
    // Each freshness must occur on at least one host. Otherwise, the comparison would not cover every freshness.
    expect(new Set(hosts.map(({ freshness }) => freshness)).size).toBe(Freshness.options.length);
    const seed = SEED;

    for (const freshness of Freshness.options) {
      const expected = hosts.filter((host) => host.freshness === freshness).map(({ id }) => id);
      const found = (await all<Host>(Paths.hosts, `&freshness=${freshness}`)).map(({ id }) => id);
      expect({ seed, freshness, found: found.sort() }).toEqual({ seed, freshness, found: expected.sort() });
    }
    const problemCounts = countsOf(hosts.flatMap(({ problems }) => problems.map(({ code }) => code)));
    for (const code of HostProblemCode.options) {
      const expected = hosts.filter(({ problems }) => problems.some((problem) => problem.code === code));
      const found = await all<Host>(Paths.hosts, `&problem=${code}&count=true`);
      const ids = (list: Host[]) => list.map(({ id }) => id).sort();
      expect({ seed, code, found: ids(found) }).toEqual({ seed, code, found: ids(expected) });
    }
    const bySeverity = await all<Host>(Paths.hosts, '&sort=-severity');
    const severities = bySeverity.map(severityOf);
    expect({ seed, severities }).toEqual({ seed, severities: [...severities].sort((a, b) => b - a) });
    expect(bySeverity).toHaveLength(HOSTS);
    const map = (await api.get(Paths.fleetMap).expect(200)).body as FleetMap;
    const onMap = map.ids.map((id, i) => `${id} ${map.names[i]} ${map.freshness[i]} ${map.severity[i]}`);
    const listed = hosts.map((host) => `${host.id} ${host.name} ${host.freshness} ${severityOf(host)}`);
    expect({ seed, total: map.total, onMap }).toEqual({ seed, total: HOSTS, onMap: listed });
    for (const freshness of ContainerFreshness.options) {
      const expected = containers.filter(({ hostFreshness }) => hostFreshness === freshness);
      const found = await all<ContainerView>(Paths.containers, `&hostFreshness=${freshness}`);
      const ids = (views: ContainerView[]) => views.map(({ hostId }) => hostId).sort();
      expect({ seed, freshness, found: ids(found) }).toEqual({ seed, freshness, found: ids(expected) });
    }

    const hostCounts = countsOf(hosts.map(({ freshness }) => freshness));
    const current = containers.filter(({ hostFreshness }) => hostFreshness === 'online').length;
    const summary = (await api.get(Paths.summary).expect(200)).body as Summary;
    expect({ seed, ...summary.hosts.byFreshness }).toEqual({ seed, ...hostCounts });
    expect([seed, summary.containers.current.total, summary.containers.lastKnown.total]).toEqual([
      seed,
      current,
      HOSTS - current,
    ]);

    expect({ seed, ...summary.hosts.byProblem }).toEqual({
      seed,
      ...Object.fromEntries(HostProblemCode.options.map((code) => [code, problemCounts[code] ?? 0])),
    });

    const { text } = await api.api.http.get(Paths.metrics).expect(200);
    for (const code of HostProblemCode.options) {
      expect([seed, text]).toContainEqual(
        expect.stringContaining(`muster_host_problems{code="${code}"} ${problemCounts[code] ?? 0}\n`),
      );
    }

    server = await TestServer.start(app);
    const listening = await server.listen(organization.adminKey);
    await listening.until(() => listening.of('freshness').length > 0);
    const streamedFreshness = listening
      .of('freshness')[0]!
      .data.hosts.map(({ hostId, freshness }) => `${hostId} ${freshness}`);
    const notOnline = hosts.filter(({ freshness }) => freshness !== 'online');
    expect({ seed, streamedFreshness: streamedFreshness.sort() }).toEqual({
      seed,
      streamedFreshness: notOnline.map(({ id, freshness }) => `${id} ${freshness}`).sort(),
    });
  });
});
