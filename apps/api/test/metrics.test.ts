import { describe, expect, test } from '@jest/globals';
import { CADENCE_DEFAULT, ERROR_REASONS, Paths } from '@muster/contracts';
import { createTestDatabase, testEngines } from '@muster/db/testing';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { createApp } from '../src/app.js';
import { serve } from '../src/http/server.js';
import { createMetrics } from '../src/services/metrics/metrics.js';
import { addLabelMetrics } from '../src/services/metrics/index.js';
import { addRetentionMetrics } from '../src/services/maintenance/retention-metrics.js';
import { createRetentionService } from '../src/services/maintenance/retention.js';
import { container } from './fixtures.js';
import { TestApi, testClock, useApi } from './harness.js';

/** Parses metrics in Prometheus text format. Returns the value of each series, by its name and labels as written. */
const parseSeries = (text: string): Map<string, number> =>
  new Map(
    [...text.matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm)].map(([, series, value]) => [series!, Number(value)] as const),
  );

async function read(api: TestApi): Promise<Map<string, number>> {
  const answer = await api.http
    .get(Paths.metrics)
    .expect(200)
    .expect('Content-Type', /^text\/plain; version=0\.0\.4/);
  return parseSeries(answer.text);
}

describe.each(testEngines())('metrics on %s', (engine) => {
  const context = useApi(engine);

  test('count hosts and containers of all organizations, and count all unknown states as one state', async () => {
    const { api } = context;
    const [one, other] = [await api.organization(), await api.organization()];
    await (
      await one.enroll()
    ).sync([
      container('a'),
      container('b', { state: 'exited', status: '' }),
      container('c', { state: 'thawing', status: '' }),
    ]);
    await (await other.enroll()).sync([container('a')]);
    await other.enroll();
    const series = await read(api.replica());
    expect(series.get('muster_fleet_counted')).toBe(1);
    expect(series.get('muster_hosts{freshness="online"}')).toBe(2);
    expect(series.get('muster_hosts{freshness="never"}')).toBe(1);
    expect(series.get('muster_containers{state="running",known="current"}')).toBe(2);
    expect(series.get('muster_containers{state="exited",known="current"}')).toBe(1);
    expect(series.get('muster_containers{state="other",known="current"}')).toBe(1);
    expect(series.get('muster_containers_checked{health="healthy",known="current"}')).toBe(2);

    api.clock.advance(3_600_000);
    const later = await read(api.replica());
    expect(later.get('muster_hosts{freshness="offline"}')).toBe(2);
    expect(later.get('muster_containers{state="running",known="current"}')).toBe(0);
    expect(later.get('muster_containers{state="running",known="last"}')).toBe(2);
  });

  test('count hosts and containers by host labels, and count all label combinations above the limit together', async () => {
    const { api } = context;
    const organization = await api.organization();
    for (const [index, labels] of [
      { env: 'prod', 'example.com/site': 'fra' },
      { env: 'prod', 'example.com/site': 'fra' },
      { env: 'test' },
      { env: 'dev', other: 'x' },
    ].entries()) {
      const host = await organization.enroll();
      await host.sync([container(`a${index}`), container(`b${index}`, { state: 'exited', status: '' })]);
      await api.http
        .patch(Paths.host.replace(':hostId', host.id))
        .auth(organization.adminKey, { type: 'bearer' })
        .send({ labels })
        .expect(200);
    }
    const seriesOf = async (keys: string[], combinationsMax?: number) => {
      const { registry } = createMetrics();
      const freshness = { now: api.clock(), cadence: CADENCE_DEFAULT, otherHeartbeats: [], outages: [] };
      const onFailure = (error: unknown) => {
        throw error;
      };
      const options = { db: api.db, freshnessContext: () => Promise.resolve(freshness), elapsedMs: () => 0, onFailure };
      addLabelMetrics(registry, options, keys, combinationsMax);
      return [...parseSeries(await registry.metrics())].filter(
        ([series, value]) => value > 0 && series.startsWith('muster_labeled_'),
      );
    };
    const series = await seriesOf(['env', 'example.com/site']);
    expect(series).toEqual(
      expect.arrayContaining([
        ['muster_labeled_hosts{label_env="prod",label_example_com_site="fra",freshness="online"}', 2],
        ['muster_labeled_hosts{label_env="test",label_example_com_site="",freshness="online"}', 1],
        ['muster_labeled_containers{label_env="prod",label_example_com_site="fra",state="exited",known="current"}', 2],
      ]),
    );
    const ofLabels = (await seriesOf(['env'], 1)).filter(([name]) => !name.includes('label_env=""'));
    expect(ofLabels.filter(([name]) => name.includes('prod')).length).toBeLessThanOrEqual(3);
    const all = await seriesOf(['env'], 2);
    const [sum] = await api.db.prisma.$queryRawUnsafe<[{ hosts: number }]>(
      'SELECT count(*)::int AS hosts FROM hosts WHERE "deletedAt" IS NULL',
    );
    const hosts = all.filter(([name]) => name.startsWith('muster_labeled_hosts'));
    expect(hosts.reduce((total, [, value]) => total + value, 0)).toBe(sum.hosts);
    expect(new Set(hosts.map(([name]) => /label_env="([^"]*)"/.exec(name)![1])).size).toBeLessThanOrEqual(3);
    expect(hosts.some(([name]) => name.includes('label_env="(other)"'))).toBe(true);
    expect(await seriesOf([])).toEqual([]);
  });

  test('count snapshots by outcome, and written rows by kind of change', async () => {
    const api = context.api.replica();
    const host = (await (await context.api.organization()).enroll()).through(api);
    await host.sync([container('a'), container('b')]);
    await host.sync([container('a'), container('b')]);
    await host.sync([container('a', { name: 'renamed' })]);
    const order = (sequence: number) => ({
      'Snapshot-Stream': '7b1f5a3e-2c4d-4e6f-8a9b-0c1d2e3f4a5b',
      'Snapshot-Sequence': String(sequence),
    });
    await host.sync([], order(2));
    await host.sync([], order(1));
    const series = await read(api);
    expect(series.get('muster_snapshots_total{outcome="changed"}')).toBe(3);
    expect(series.get('muster_snapshots_total{outcome="unchanged"}')).toBe(1);
    expect(series.get('muster_snapshots_total{outcome="sequence_not_rising"}')).toBe(1);
    expect(series.get('muster_container_rows_written_total{change="created"}')).toBe(2);
    expect(series.get('muster_container_rows_written_total{change="updated"}')).toBe(1);
    expect(series.get('muster_container_rows_written_total{change="removed"}')).toBe(2);
  });

  test('count the connections to the database', async () => {
    const series = await read(context.api);
    const busy = series.get('muster_database_connections{state="busy"}')!;
    const idle = series.get('muster_database_connections{state="idle"}')!;
    expect(busy + idle).toBeGreaterThanOrEqual(1);
    expect(busy + idle).toBeLessThanOrEqual(series.get('muster_database_connections_max')!);
    expect(series.get('muster_database_waiting')).toBe(0);
  });
});

describe('metrics', () => {
  const context = useApi('pglite');

  test('count requests by path pattern, and all unknown paths under one label', async () => {
    const api = context.api.replica();
    const organization = await context.api.organization();
    const host = await organization.enroll();
    await api.http.get(`/api/hosts/${host.id}`).auth(organization.adminKey, { type: 'bearer' }).expect(200);
    await api.http.get(`/api/hosts/${host.id}`).expect(401);
    const before = (await read(api)).size;
    for (let i = 0; i < 20; i++) await api.http.get(`/made-up-${i}`).expect(404);
    const series = await read(api);
    expect(series.get('muster_http_requests_total{method="GET",route="/api/hosts/:hostId",status="200"}')).toBe(1);
    expect(series.get('muster_http_requests_total{method="GET",route="/api/hosts/:hostId",status="401"}')).toBe(1);
    expect(series.get('muster_http_request_duration_seconds_count{method="GET",route="/api/hosts/:hostId"}')).toBe(2);
    expect(series.get('muster_http_requests_total{method="GET",route="none",status="404"}')).toBe(20);
    const text = [...series.keys()].join('\n');
    expect(text).not.toContain(host.id);
    expect(text).not.toContain('made-up');
    // Two routes have added series: `none`, which stands for all unknown paths, and the route of the metrics.
    await read(api);
    const settled = (await read(api)).size;
    for (let i = 0; i < 20; i++) await api.http.get(`/more-${i}`).expect(404);
    expect((await read(api)).size).toBe(settled);
    expect(settled).toBeGreaterThan(before);
  });

  test('require the token if one is set', async () => {
    const metricsToken = 'the-token-of-prometheus';
    const { db, clock } = context.api;
    const api = new TestApi(db, createApp({ db, metricsToken }), clock);
    await api.http.get(Paths.metrics).expect(401);
    await api.http.get(Paths.metrics).auth(`${metricsToken}x`, { type: 'bearer' }).expect(401);
    await api.http.get(Paths.metrics).auth(metricsToken, { type: 'bearer' }).expect(200);
    await api.http.get(Paths.metrics).auth(metricsToken, { type: 'bearer' }).set('Via', '1.1 x').expect(200);
  });

  test('are refused through a proxy if there is no token', async () => {
    for (const header of [
      'X-Forwarded-For',
      'X-Forwarded-Host',
      'X-Forwarded-Proto',
      'Forwarded',
      'Via',
      'X-Real-Ip',
    ]) {
      const answer = await context.api.http.get(Paths.metrics).set(header, '203.0.113.7').expect(403);
      expect((answer.body as { detail: string }).detail).toContain('MUSTER_METRICS_TOKEN');
    }
  });

  test.each([
    'evil',
    'muster.example.com',
    'localhost.evil.example',
    '203.0.113.7:3000',
    '[::ffff:cb00:7107]',
    '',
    'evil@localhost',
    'localhost#x',
    'localhost:3000/../x',
    'localhost?',
    '[localhost]:x',
  ])('are refused under the host name %j, which is not a loopback name, if there is no token', async (host) => {
    await context.api.http.get(Paths.metrics).set('Host', host).expect(403);
  });

  test.each(['localhost', 'LOCALHOST:3000', '127.0.0.1', '[::1]:3000'])(
    'are served on this machine under the host name %s if there is no token',
    async (host) => {
      await context.api.http.get(Paths.metrics).set('Host', host).expect(200);
    },
  );

  test('are refused over HTTP/1.0 if there is no token, because a proxy that uses HTTP/1.0 might add no headers', async () => {
    const server = await serve(createApp({ db: context.api.db }), { host: '127.0.0.1', port: 0 });
    const statusBy = (version: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
        socket.once('error', reject);
        socket.once('data', (head) => {
          resolve(head.toString('latin1').split(' ')[1]!);
          socket.destroy();
        });
        socket.write(`GET ${Paths.metrics} HTTP/${version}\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      });
    try {
      expect([await statusBy('1.1'), await statusBy('1.0')]).toEqual(['200', '403']);
    } finally {
      await server.drain(0);
    }
  });

  test('are refused if there is no token and Muster has a public URL, whether or not a proxy sends headers', async () => {
    const { db, clock } = context.api;
    const api = new TestApi(db, createApp({ db, metricsWithoutToken: 'no one' }), clock);
    const answer = await api.http.get(Paths.metrics).expect(403);
    expect((answer.body as { detail: string }).detail).toContain('MUSTER_METRICS_TOKEN');
  });

  test('are served while the database is closed, without the values from the database', async () => {
    const db = await createTestDatabase('pglite');
    const api = new TestApi(db, createApp({ db }), testClock());
    await db.close();
    const series = await read(api);
    expect(series.get('muster_fleet_counted')).toBe(0);
    expect([...series.keys()].filter((name) => /^muster_(hosts|containers)/.test(name))).toEqual([]);
    expect(series.has('muster_snapshots_total{outcome="changed"}')).toBe(true);
  });

  test('are shown on a dashboard whose panels have different ids and do not overlap', async () => {
    const file = new URL('../../../deploy/grafana-dashboard.json', import.meta.url);
    interface Panel {
      id: number;
      gridPos: { x: number; y: number; w: number; h: number };
    }
    const { panels } = JSON.parse(await readFile(file, 'utf8')) as { panels: Panel[] };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });

  test('raise an alert for containers that ended with an error, and never for stopped or completed containers', async () => {
    const rules = await readFile(new URL('../../../deploy/alerts.yaml', import.meta.url), 'utf8');
    const selectors = [...rules.matchAll(/muster_containers_ended\{([^}]*)\}/g)].map(([, selector]) => selector!);
    const reasons = selectors.flatMap((selector) => /reason=~?"([^"]*)"/.exec(selector)![1]!.split('|'));
    expect(reasons.sort()).toEqual([...ERROR_REASONS].sort());
    expect(selectors.every((selector) => selector.includes('known="current"'))).toBe(true);
  });

  test.each(['grafana-dashboard.json', 'alerts.yaml'])('include all metrics that deploy/%s uses', async (file) => {
    const metrics = createMetrics();
    metrics.registerProcessMetrics();
    const { db, clock } = context.api;
    addRetentionMetrics(metrics.registry, createRetentionService(db, { now: clock }));
    const api = new TestApi(db, createApp({ db, metrics }), clock);
    await api.http.get(Paths.health).expect(200);
    const series = await read(api);
    const exportedMetrics = new Set([...series.keys()].map((name) => name.split('{', 1)[0]!));
    const text = await readFile(new URL(`../../../deploy/${file}`, import.meta.url), 'utf8');
    const usedMetrics = new Set(text.match(/\b(?:muster|nodejs|process)_\w+/g));
    expect(usedMetrics.size).toBeGreaterThan(5);
    expect([...usedMetrics].filter((name) => !exportedMetrics.has(name))).toEqual([]);
  });
});
