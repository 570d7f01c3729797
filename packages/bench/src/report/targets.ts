/** The targets: for each, its bound and where its figure comes from. */
import { formatBytes, formatMs, formatNumber, formatRatio, formatSpread, type Spread } from '@muster/testkit/report';
import type { SectionId, Sections } from '../results.js';
import type { HttpCase, HttpCell } from '../sections/http.js';
import type { ServiceCell } from '../sections/service.js';
import type { ChangeKind } from '../workload.js';

export interface Target {
  id: string;
  text: string;
  section: SectionId;
  format: (value: number) => string;
  bound: { atLeast: number } | { atMost: number };
  /** Returns null if it was not measured. */
  figure(sections: Sections): Figure | null;
}

export interface Figure {
  value: number;
  /** The range of the rounds, or which case was worst. */
  detail: string;
}

export interface Judgement {
  target: Target;
  figure: Figure | null;
  /** Null: not measured. */
  reached: boolean | null;
}

/** The size of snapshot and the numbers of connections of the targets. */
const CONTAINERS = 50;
const CONNECTIONS = [8, 64];

const READ_MS_MAX = 50;

const withSpread = (ratio: Spread | null | undefined): Figure | null =>
  ratio ? { value: ratio.median, detail: formatSpread(ratio) } : null;

export const TARGETS: readonly Target[] = [
  ...overContender('Muster / obvious implementation', 'upserts', 'restarted', 2, 100),
  ...overContender('Muster / hand-written SQL statement', 'statement', 'restarted', 2, 1),
  ...overContender('Muster / hand-written SQL statement', 'statement', 'restarted', 100, 0.8),
  ...overContender('Muster / hand-written SQL statement', 'statement', 'aged', 100, 0.8),
  ...overBare('unchanged', [0.9, 0.9]),
  ...overBare('heartbeat', [0.9, 1.3]),
  ...overBare('2 % changed', [0.5, 0.5]),
  ...overBare('100 % changed', [0.25, 0.25]),
  ...cpuOfRowLoop('2 % changed', 5),
  ...cpuOfRowLoop('100 % changed', 2.5),
  ...walPerSnapshot('unchanged', 200),
  ...walPerSnapshot('2 % changed', 2_000),
  {
    id: 'growth-rate',
    text: 'rate with 10,000 hosts / with 100 hosts',
    section: 'growth',
    format: formatRatio,
    bound: { atLeast: 0.8 },
    figure: ({ growth }) => withSpread(growth?.result.rateOfMostOverFewest),
  },
  {
    id: 'event-loop-stall',
    text: 'longest stall of the event loop, one snapshot of 5,000 containers that all changed',
    section: 'http',
    format: formatMs,
    bound: { atMost: 50 },
    figure({ http }) {
      if (http === undefined) return null;
      const { stallsMs } = http.result.stall;
      return { value: Math.max(...stallsMs), detail: `longest of ${stallsMs.length} requests` };
    },
  },
  {
    id: 'reads-p95',
    text: 'GET /api/containers, p95 of the slowest read at 500,000 rows',
    section: 'growth',
    format: formatMs,
    bound: { atMost: READ_MS_MAX },
    figure({ growth }) {
      const largest = growth?.result.sizes.at(-1);
      if (largest === undefined) return null;
      const reads = largest.reads.filter(({ route }) => route === '/api/containers');
      const worst = reads.reduce((most, read) => (read.latencyMs.p95 > most.latencyMs.p95 ? read : most));
      const over = reads.filter(({ latencyMs }) => latencyMs.p95 > READ_MS_MAX).length;
      return {
        value: worst.latencyMs.p95,
        detail: `${over} of ${reads.length} reads over ${READ_MS_MAX} ms; slowest: ${worst.name}`,
      };
    },
  },
  {
    id: 'table-growth',
    text: 'size of tables and indexes after 1,000 unchanged snapshots per host / before',
    section: 'table-growth',
    format: formatRatio,
    bound: { atMost: 1.05 },
    figure(sections) {
      const result = sections['table-growth']?.result;
      if (result === undefined) return null;
      const { before, after } = result;
      const of = (table: 'hosts' | 'containers') => `${table} ${formatRatio(after[table] / before[table])}`;
      const value = (after.hosts + after.containers) / (before.hosts + before.containers);
      return { value, detail: `${of('hosts')}, ${of('containers')}` };
    },
  },
];

/** Compares each target with its figure. */
export const judge = (sections: Sections): Judgement[] =>
  TARGETS.map((target) => {
    const figure = target.figure(sections);
    const { bound } = target;
    const reached =
      figure === null ? null : 'atLeast' in bound ? figure.value >= bound.atLeast : figure.value <= bound.atMost;
    return { target, figure, reached };
  });

/** A target for each number of snapshots at a time. */
function overContender(
  text: string,
  other: 'upserts' | 'statement',
  kind: ChangeKind,
  percent: number,
  atLeast: number,
): Target[] {
  return [1, 4].map((concurrency) => {
    const isOurs = (cell: ServiceCell) =>
      cell.kind === kind && cell.percent === percent && cell.concurrency === concurrency;
    return {
      id: `service-${other}-${percent}-${kind}-${concurrency}`,
      text: `${text}, ${percent} % ${kind}, ${concurrency === 1 ? 'one' : concurrency} at a time`,
      section: 'service',
      format: formatRatio,
      bound: { atLeast },
      figure({ service }) {
        const cells = service?.result.cells.filter(isOurs) ?? [];
        const figure = withSpread(cells.find(({ containers }) => containers === CONTAINERS)?.ratios[other]);
        if (figure === null) return null;
        const others = cells.flatMap(({ containers, ratios }) => {
          const ratio = ratios[other];
          if (ratio === undefined || containers === CONTAINERS) return [];
          return [`${formatNumber(containers)}: ${formatRatio(ratio.median)}`];
        });
        return { ...figure, detail: [figure.detail, ...others].join('; ') };
      },
    };
  });
}

/** A target for each number of connections, with its figure from the case's cell. */
function http(
  target: Pick<Target, 'id' | 'text' | 'format'>,
  name: HttpCase,
  boundOf: (index: number) => Target['bound'],
  figureOf: (cell: HttpCell) => Figure | null,
): Target[] {
  return CONNECTIONS.map((connections, index) => ({
    ...target,
    id: `${target.id}-${connections}`,
    text: `${target.text}, ${connections} connections`,
    section: 'http',
    bound: boundOf(index),
    figure({ http }) {
      const cell = http?.result.cells.find((cell) => cell.case === name && cell.connections === connections);
      return cell === undefined ? null : figureOf(cell);
    },
  }));
}

function overBare(name: HttpCase, atLeast: readonly [number, number]): Target[] {
  const text = `${name === 'heartbeat' ? name : `snapshot, ${name}`}: Muster / bare Express route`;
  const target = { id: `http-${name}`, text, format: formatRatio };
  return http(
    target,
    name,
    (index) => ({ atLeast: atLeast[index]! }),
    ({ rateOverBare }) => withSpread(rateOverBare),
  );
}

function cpuOfRowLoop(name: HttpCase, atLeast: number): Target[] {
  const target = { id: `cpu-${name}`, text: `snapshot, ${name}: CPU of a row loop / of Muster`, format: formatRatio };
  return http(
    target,
    name,
    () => ({ atLeast }),
    ({ cpuOfRowsOverMuster }) => withSpread(cpuOfRowsOverMuster),
  );
}

function walPerSnapshot(name: HttpCase, atMost: number): Target[] {
  const target = { id: `wal-${name}`, text: `write-ahead log per snapshot, ${name}`, format: formatBytes };
  return http(
    target,
    name,
    () => ({ atMost }),
    ({ figures: { muster, bare } }) =>
      muster === undefined
        ? null
        : { value: muster.walBytes, detail: bare === undefined ? '' : `bare route: ${formatBytes(bare.walBytes)}` },
  );
}
