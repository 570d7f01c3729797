/**
 * The targets of the benchmark. A target computes a figure from the results, and states the bound that the figure must
 * meet.
 */
import { formatBytes, formatMs, formatNumber, formatRatio, formatSpread, type Spread } from '@muster/testkit/report';
import type { SectionId, Sections } from '../results.js';
import type { HttpCell } from '../sections/http.js';
import { ONE_CONTAINER, type ReadFigures } from '../sections/reads.js';

export interface Figure {
  value: number;
  /** More information about the value, for example the range of the rounds or the slowest case. */
  detail: string;
}

export interface Target {
  section: SectionId;
  text: string;
  bound: readonly ['at least' | 'at most', number];
  format: (value: number) => string;
  /** Returns null if the figure was not measured. */
  figure: (sections: Sections) => Figure | null | undefined;
}

const medianOf = (ratios: Spread | null | undefined): Figure | null =>
  ratios ? { value: ratios.median, detail: formatSpread(ratios) } : null;

/** The number of containers per snapshot in the service targets. The details show the ratios for other sizes. */
const CONTAINERS = 50;

/**
 * Each row ends with a minimum: Muster's rate must be at least this many times the contender's rate. Each row becomes
 * two targets: one with one snapshot at a time, and one with four concurrent snapshots.
 */
const SERVICE_TARGETS = [
  ['upserts', 'obvious implementation', 'restarted', 2, 100],
  ['statement', 'hand-written SQL statement', 'restarted', 2, 1],
  ['statement', 'hand-written SQL statement', 'restarted', 100, 0.8],
  ['statement', 'hand-written SQL statement', 'aged', 100, 0.8],
] as const;

const serviceTargets = SERVICE_TARGETS.flatMap(([other, name, kind, percent, ratio]) =>
  [1, 4].map((concurrency): Target => ({
    section: 'service',
    text: `Muster / ${name}, ${percent} % ${kind}, ${concurrency === 1 ? 'one' : concurrency} at a time`,
    bound: ['at least', ratio],
    format: formatRatio,
    figure({ service }) {
      const cells = service?.result.cells.filter(
        (cell) => cell.kind === kind && cell.percent === percent && cell.concurrency === concurrency,
      );
      const figure = medianOf(cells?.find(({ containers }) => containers === CONTAINERS)?.ratios[other]);
      const details = cells?.flatMap(({ containers, ratios: { [other]: ratios } }) =>
        containers === CONTAINERS || !ratios ? [] : `${formatNumber(containers)}: ${formatRatio(ratios.median)}`,
      );
      return figure && { ...figure, detail: [figure.detail, ...details!].join('; ') };
    },
  })),
);

/**
 * The description of each measure in a case of the HTTP section. In `text`, `…` is replaced by the name of the case.
 */
const RATE = {
  text: 'snapshot, …: Muster / bare Express route',
  format: formatRatio,
  figure: ({ rateOverBare }: HttpCell) => medianOf(rateOverBare),
};
const CPU = {
  text: 'snapshot, …: CPU of a row loop / of Muster',
  format: formatRatio,
  figure: ({ cpuOfRowsOverMuster }: HttpCell) => medianOf(cpuOfRowsOverMuster),
};
const WAL = {
  text: 'write-ahead log per snapshot, …',
  format: formatBytes,
  figure: ({ figures: { muster, bare } }: HttpCell) =>
    muster ? { value: muster.walBytes, detail: bare ? `bare route: ${formatBytes(bare.walBytes)}` : '' } : null,
};

/** Each row: a measure, a case, a comparison, and the bounds for 8 and for 64 connections. */
const HTTP_TARGETS = [
  [RATE, 'unchanged', 'at least', 0.9, 0.9],
  [RATE, 'heartbeat', 'at least', 0.9, 1.3],
  [RATE, '2 % changed', 'at least', 0.5, 0.5],
  [RATE, '100 % changed', 'at least', 0.25, 0.25],
  [CPU, '2 % changed', 'at least', 5, 5],
  [CPU, '100 % changed', 'at least', 2.5, 2.5],
  [WAL, 'unchanged', 'at most', 200, 200],
  [WAL, '2 % changed', 'at most', 2_000, 2_000],
] as const;

const httpTargets = HTTP_TARGETS.flatMap(([measure, name, direction, ...bounds]) =>
  ([8, 64] as const).map((connections, index): Target => {
    const text = measure.text.replace(name === 'heartbeat' ? 'snapshot, …' : '…', name);
    return {
      section: 'http',
      text: `${text}, ${connections} connections`,
      bound: [direction, bounds[index]!],
      format: measure.format,
      figure({ http }) {
        const cell = http?.result.cells.find((each) => each.case === name && each.connections === connections);
        return cell && measure.figure(cell);
      },
    };
  }),
);

const READ_MS_MAX = 50;

/** Returns the reads of /api/containers in the fleet with the most hosts, slowest first. */
const listReads = (growth: Sections['growth']): ReadFigures[] =>
  (growth?.result.sizes.at(-1)?.reads ?? [])
    .filter(({ route }) => route === '/api/containers')
    .sort((a, b) => b.latencyMs.p95 - a.latencyMs.p95);

export const TARGETS: readonly Target[] = [
  ...serviceTargets,
  ...httpTargets,
  {
    section: 'growth',
    text: 'rate with 10,000 hosts / with 100 hosts',
    bound: ['at least', 0.8],
    format: formatRatio,
    figure: ({ growth }) => medianOf(growth?.result.rateOfMostOverFewest),
  },
  {
    section: 'http',
    text: 'longest stall of the event loop, one snapshot of 5,000 containers that all changed',
    bound: ['at most', 50],
    format: formatMs,
    figure({ http }) {
      const stallsMs = http?.result.stall.stallsMs;
      return stallsMs && { value: Math.max(...stallsMs), detail: `longest of ${stallsMs.length} requests` };
    },
  },
  {
    section: 'growth',
    text: 'GET /api/containers, p95 of the slowest read at 500,000 rows',
    bound: ['at most', READ_MS_MAX],
    format: formatMs,
    figure({ growth }) {
      const reads = listReads(growth);
      const slow = reads.filter(({ latencyMs }) => latencyMs.p95 > READ_MS_MAX);
      const detail = `${slow.length} of ${reads.length} reads over ${READ_MS_MAX} ms; slowest: ${reads[0]?.name}`;
      return reads[0] && { value: reads[0].latencyMs.p95, detail };
    },
  },
  {
    section: 'growth',
    text: 'GET /api/containers, p95 of the slowest read / of one container by its key, at 500,000 rows',
    bound: ['at most', 25],
    format: formatRatio,
    figure({ growth }) {
      const one = growth?.result.sizes.at(-1)?.reads.find(({ name }) => name === ONE_CONTAINER);
      const [worst] = listReads(growth);
      return one && worst && { value: worst.latencyMs.p95 / one.latencyMs.p95, detail: `slowest: ${worst.name}` };
    },
  },
  {
    section: 'table-growth',
    text: 'size of tables and indexes after 1,000 unchanged snapshots per host / before',
    bound: ['at most', 1.05],
    format: formatRatio,
    figure({ 'table-growth': measured }) {
      if (measured === undefined) return null;
      const { before, after } = measured.result;
      const ratios = (['hosts', 'containers'] as const).map(
        (each) => `${each} ${formatRatio(after[each] / before[each])}`,
      );
      return {
        value: (after.hosts + after.containers) / (before.hosts + before.containers),
        detail: ratios.join(', '),
      };
    },
  },
];

export interface Judgement {
  target: Target;
  figure: Figure | null;
  /** Whether the figure satisfies the target's bound; null if the figure was not measured. */
  met: boolean | null;
  /** Whether the figure is from a quick run. */
  quick: boolean;
}

/** Compares each target with its figure. */
export const judge = (sections: Sections): Judgement[] =>
  TARGETS.map((target) => {
    const figure = target.figure(sections) ?? null;
    const [direction, limit] = target.bound;
    const met = figure && (direction === 'at least' ? figure.value >= limit : figure.value <= limit);
    return { target, figure, met, quick: sections[target.section]?.quick ?? false };
  });
