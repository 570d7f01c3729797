import type { Machine } from '@muster/testkit/report';
import type { LoadFigures } from '../src/measure/turn.js';
import type { SectionRecord, SectionResults, Sections } from '../src/results.js';

type GrowthSize = SectionResults['growth']['sizes'][number];

const machine: Machine = {
  cpu: 'A processor',
  cores: 2,
  memoryBytes: 8e9,
  kernel: 'Linux 6',
  node: 'v20.0.0',
  postgres: '15.1',
  fsyncMs: 0.5,
};

const record = <T>(result: T): SectionRecord<T> => ({
  at: '2026-01-02T03:04:05.000Z',
  commit: 'abcdef0123',
  machine,
  quick: false,
  rounds: 5,
  seconds: 60,
  result,
});

const same = (value: number) => ({ median: value, min: value, max: value });

const load = (perSecond: number, walBytes = 150): LoadFigures => ({
  perSecond: same(perSecond),
  latencyMs: { p50: 1, p95: 2, p99: 3, max: 4 },
  serverCpuUs: 100,
  postgresCpuUs: 50,
  walBytes,
  rssBytes: 1e8,
  requests: 1_000,
  unavailable: 0,
  eventLoopMs: { p99: 1, max: 2 },
});

const size = (hosts: number, p95: number): GrowthSize => ({
  hosts,
  rows: hosts * 50,
  bytes: hosts * 50_000,
  firstSnapshotsPerSecond: 300,
  ingest: load(2_000),
  reads: [
    {
      name: 'q, common',
      route: '/api/containers',
      latencyMs: { p50: 1, p95, p99: p95, max: p95 },
      requests: 40,
      failed: 0,
      items: 50,
    },
    {
      name: 'by primary key',
      route: '/api/hosts/:hostId/containers/:dockerId',
      latencyMs: { p50: 1, p95: 2, p99: 3, max: 3 },
      requests: 40,
      failed: 0,
      items: 0,
    },
    {
      name: 'newest',
      route: '/api/events',
      latencyMs: { p50: 1, p95: 900, p99: 900, max: 900 },
      requests: 40,
      failed: 0,
      items: 50,
    },
  ],
  readEventLoopMs: { p99: 1, max: 2 },
  rssBytes: 1e8,
});

/** Invented results of every section. */
export const FIXED: Required<Sections> = {
  service: record({
    hosts: 32,
    cells: [
      {
        containers: 50,
        concurrency: 1,
        kind: 'restarted',
        percent: 2,
        figures: [
          { contender: 'upserts', snapshotsPerSecond: same(5), nodeCpuMs: 100, postgresCpuMs: 20, snapshots: 10 },
          { contender: 'muster', snapshotsPerSecond: same(600), nodeCpuMs: 1, postgresCpuMs: 0.5, snapshots: 900 },
        ],
        ratios: { upserts: { median: 120, min: 110, max: 130 }, statement: { median: 0.9, min: 0.8, max: 1.1 } },
      },
    ],
  }),
  http: record({
    hosts: 256,
    containers: 50,
    idleWalBytesPerSecond: 10,
    cells: [
      {
        case: 'unchanged',
        connections: 8,
        figures: { bare: load(4_000), muster: load(3_800, 199) },
        rateOverBare: { median: 0.95, min: 0.9, max: 1 },
        cpuOfRowsOverMuster: null,
      },
      {
        case: '2 % changed',
        connections: 8,
        figures: { bare: load(4_000), rows: load(100), muster: load(1_000, 2_001) },
        rateOverBare: { median: 0.25, min: 0.2, max: 0.3 },
        cpuOfRowsOverMuster: { median: 6, min: 5, max: 7 },
      },
    ],
    stall: { containers: 5_000, bodyBytes: 3_000_000, stallsMs: [40, 51], requestMs: [200, 210] },
  }),
  growth: record({
    containers: 50,
    connections: 32,
    sizes: [size(100, 5), size(10_000, 49)],
    rateOfMostOverFewest: same(0.85),
  }),
  live: record({
    hosts: 5_000,
    containers: 50,
    listeners: 1_000,
    pace: 583,
    alone: load(583),
    watched: load(583),
    p99Ratio: { median: 1.1, min: 1, max: 1.2 },
    heard: [
      {
        changes: { fewest: 350, most: 350 },
        messages: 400_000,
        bytes: 2e8,
        delayMs: { p50: 500, p95: 900, p99: 1_000, max: 1_010 },
      },
    ],
  }),
  'table-growth': record({
    hosts: 100,
    containers: 50,
    snapshotsPerHost: 1_000,
    snapshotsPerSecond: 3_000,
    before: { hosts: 100_000, containers: 900_000 },
    after: { hosts: 200_000, containers: 900_000 },
  }),
  embedded: record({
    hosts: 16,
    containers: 50,
    connections: 8,
    rssBytes: 5e8,
    cold: { ms: 5_000, rssBytes: 5e8 },
    warm: { ms: same(1_000), rssBytes: 3e8 },
    heartbeat: { perSecond: same(500), latencyMs: { p50: 1, p95: 2, p99: 3, max: 4 } },
    changed: { perSecond: same(100), latencyMs: { p50: 1, p95: 2, p99: 3, max: 4 } },
  }),
};
