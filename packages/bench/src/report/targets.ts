/** What Muster is to reach, each target with where its figure comes from. */
import { formatBytes, formatMs, formatNumber, formatRatio, formatSpread, type Spread } from '@muster/measure';
import type { SectionId, Sections } from '../results.js';
import type { HttpCase, HttpCell } from '../sections/http.js';
import type { ServiceCell } from '../sections/service.js';
import type { ChangeKind } from '../workload.js';

type Unit = 'ratio' | 'ms' | 'bytes';

export interface Target {
  id: string;
  text: string;
  section: SectionId;
  unit: Unit;
  bound: { atLeast: number } | { atMost: number };
  /** Null: not measured. */
  figure(sections: Sections): Figure | null;
}

export interface Figure {
  value: number;
  /** What else there is to say of it: how the rounds spread, what was worst. */
  detail: string;
}

export interface Judgement {
  target: Target;
  figure: Figure | null;
  /** Null: not measured. */
  reached: boolean | null;
}

/** The size of snapshot, and the numbers of connections, that the targets speak of. */
const CONTAINERS = 50;
const CONNECTIONS = [8, 64];

const UNITS: Readonly<Record<Unit, (value: number) => string>> = {
  ratio: formatRatio,
  ms: formatMs,
  bytes: formatBytes,
};

export const formatFigure = ({ unit }: Target, value: number): string => UNITS[unit](value);

export const formatBound = ({ unit, bound }: Target): string =>
  'atLeast' in bound ? `at least ${UNITS[unit](bound.atLeast)}` : `at most ${UNITS[unit](bound.atMost)}`;

export const TARGETS: readonly Target[] = [
  ...service('Muster / obvious way', 'upserts', 'restarted', 2, 100),
  ...service('Muster / hand-written raw pg statement', 'statement', 'restarted', 2, 1),
  ...service('Muster / hand-written raw pg statement', 'statement', 'restarted', 100, 0.8),
  ...service('Muster / hand-written raw pg statement', 'statement', 'aged', 100, 0.8),
  ...overBare('unchanged', [0.9, 0.9]),
  ...overBare('heartbeat', [0.9, 1.3]),
  ...overBare('2 % changed', [0.5, 0.5]),
  ...overBare('100 % changed', [0.25, 0.25]),
  ...cpuOfRows('2 % changed', 5),
  ...cpuOfRows('100 % changed', 2.5),
  ...wal('unchanged', 200),
  ...wal('2 % changed', 2_000),
  {
    id: 'growth-rate',
    text: 'rate at 10,000 hosts / at 100 hosts',
    section: 'growth',
    unit: 'ratio',
    bound: { atLeast: 0.8 },
    figure({ growth }) {
      const ratio = growth?.result.rateOfMostOverFewest ?? null;
      const counts = growth?.result.sizes.map(({ hosts }) => formatNumber(hosts)) ?? [];
      return (
        ratio && { value: ratio.median, detail: `${formatSpread(ratio)}, ${counts.at(-1)} over ${counts[0]} hosts` }
      );
    },
  },
  {
    id: 'event-loop-stall',
    text: '5,000 containers in one snapshot, all changed: longest event-loop stall',
    section: 'http',
    unit: 'ms',
    bound: { atMost: 50 },
    figure({ http }) {
      if (http === undefined) return null;
      const { stallsMs, containers } = http.result.stall;
      return {
        value: Math.max(...stallsMs),
        detail: `longest of ${stallsMs.length} requests of ${formatNumber(containers)}`,
      };
    },
  },
  {
    id: 'reads-p95',
    text: 'GET /api/containers p95 at 500,000 rows, any page, any documented filter',
    section: 'growth',
    unit: 'ms',
    bound: { atMost: 50 },
    figure({ growth }) {
      const largest = growth?.result.sizes.at(-1);
      if (largest === undefined) return null;
      const reads = largest.reads.filter(({ route }) => route === '/api/containers');
      const worst = reads.reduce((most, read) => (read.latencyMs.p95 > most.latencyMs.p95 ? read : most));
      const over = reads.filter(({ latencyMs }) => latencyMs.p95 > 50).length;
      const detail = `${formatNumber(largest.rows)} rows; ${over} of ${reads.length} reads are over; worst: ${worst.name}`;
      return { value: worst.latencyMs.p95, detail };
    },
  },
  {
    id: 'table-growth',
    text: 'table and index size after 1,000 unchanged snapshots a host / before',
    section: 'table-growth',
    unit: 'ratio',
    bound: { atMost: 1.05 },
    figure(sections) {
      const result = sections['table-growth']?.result;
      if (result === undefined) return null;
      const { before, after, snapshotsPerHost } = result;
      const of = (table: 'hosts' | 'containers') => `${table} ${formatRatio(after[table] / before[table])}`;
      const value = (after.hosts + after.containers) / (before.hosts + before.containers);
      return {
        value,
        detail: `${of('hosts')}, ${of('containers')}, ${formatNumber(snapshotsPerHost)} snapshots a host`,
      };
    },
  },
];

/** Holds every target against what was found. */
export const judge = (sections: Sections): Judgement[] =>
  TARGETS.map((target) => {
    const figure = target.figure(sections);
    const { bound } = target;
    const reached =
      figure === null ? null : 'atLeast' in bound ? figure.value >= bound.atLeast : figure.value <= bound.atMost;
    return { target, figure, reached };
  });

function service(
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
      text: `${text}, ${CONTAINERS} containers, ${percent} % ${kind}, ${concurrency === 1 ? 'one' : concurrency} at a time`,
      section: 'service',
      unit: 'ratio',
      bound: { atLeast },
      figure({ service }) {
        const cells = service?.result.cells.filter(isOurs) ?? [];
        const ratio = cells.find(({ containers }) => containers === CONTAINERS)?.ratios[other];
        if (ratio === undefined) return null;
        const others = cells
          .filter(({ containers }) => containers !== CONTAINERS)
          .map(({ containers, ratios }) => ({ containers, ratio: ratios[other] }))
          .filter((cell): cell is { containers: number; ratio: Spread } => cell.ratio !== undefined)
          .map(({ containers, ratio }) => `${formatNumber(containers)}: ${formatRatio(ratio.median)}`);
        const elsewhere = others.length === 0 ? '' : `; of ${others.join(', ')}`;
        return { value: ratio.median, detail: `${formatSpread(ratio)}${elsewhere}` };
      },
    };
  });
}

/** A target for each number of connections, with its figure from the case's cell. */
function http(
  id: string,
  text: string,
  name: HttpCase,
  unit: Unit,
  boundOf: (index: number) => Target['bound'],
  figureOf: (cell: HttpCell) => Figure | null,
): Target[] {
  return CONNECTIONS.map((connections, index) => ({
    id: `${id}-${connections}`,
    text: `${text}, ${connections} connections`,
    section: 'http',
    unit,
    bound: boundOf(index),
    figure({ http }) {
      const cell = http?.result.cells.find((cell) => cell.case === name && cell.connections === connections);
      return cell === undefined ? null : figureOf(cell);
    },
  }));
}

const withSpread = (ratio: Spread | null): Figure | null =>
  ratio && { value: ratio.median, detail: formatSpread(ratio) };

function overBare(name: HttpCase, atLeast: readonly [number, number]): Target[] {
  const text = `${name === 'heartbeat' ? name : `snapshot, ${name},`} over HTTP / bare Express + one update`;
  const boundOf = (index: number) => ({ atLeast: atLeast[index]! });
  return http(`http-${name}`, text, name, 'ratio', boundOf, ({ rateOverBare }) => withSpread(rateOverBare));
}

function cpuOfRows(name: HttpCase, atLeast: number): Target[] {
  const text = `CPU (server and PostgreSQL) of a row loop behind Express / of Muster, ${name}`;
  const figureOf = ({ cpuOfRowsOverMuster }: HttpCell) => withSpread(cpuOfRowsOverMuster);
  return http(`cpu-${name}`, text, name, 'ratio', () => ({ atLeast }), figureOf);
}

function wal(name: HttpCase, atMost: number): Target[] {
  const text = `WAL a snapshot of ${CONTAINERS}, ${name}`;
  return http(
    `wal-${name}`,
    text,
    name,
    'bytes',
    () => ({ atMost }),
    ({ figures }) => {
      const { muster, bare } = figures;
      if (muster === undefined) return null;
      return { value: muster.walBytes, detail: bare === undefined ? '' : `bare route: ${formatBytes(bare.walBytes)}` };
    },
  );
}
