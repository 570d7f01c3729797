/** The targets of the benchmark: bounds, and how their figures are computed from the results. */
import { formatBytes, formatMs, formatNumber, formatRatio, formatSpread, type Spread } from '@muster/testkit/report';
import type { SectionId, SectionResults, Sections } from '../results.js';
import type { HttpCase, HttpCell } from '../sections/http.js';

export interface Figure {
  value: number;
  /** For example, the range of the rounds, or the slowest case. */
  detail: string;
}

type Bound = { atLeast: number } | { atMost: number };

/** A target whose figure is computed from `Source`. */
interface TargetOf<Source> {
  id: string;
  text: string;
  bound: Bound;
  format: (value: number) => string;
  /** Returns null if it was not measured. */
  figure: (source: Source) => Figure | null;
}

export interface Target extends TargetOf<Sections> {
  section: SectionId;
}

/** Creates a target whose figure comes from the result of one section. */
const targetOf = <Id extends SectionId>(section: Id, { figure, ...rest }: TargetOf<SectionResults[Id]>): Target => ({
  ...rest,
  section,
  figure(sections) {
    const record = sections[section];
    return record === undefined ? null : figure(record.result);
  },
});

const medianOf = (ratios: Spread | null | undefined): Figure | null =>
  ratios ? { value: ratios.median, detail: formatSpread(ratios) } : null;

/** The containers of a snapshot in the service targets. The details show the ratios for other sizes. */
const CONTAINERS = 50;

/** Muster's rate over another contender's. Each is a target for one snapshot at a time and a target for four. */
const SERVICE_TARGETS = [
  { other: 'upserts', name: 'obvious implementation', kind: 'restarted', percent: 2, atLeast: 100 },
  { other: 'statement', name: 'hand-written SQL statement', kind: 'restarted', percent: 2, atLeast: 1 },
  { other: 'statement', name: 'hand-written SQL statement', kind: 'restarted', percent: 100, atLeast: 0.8 },
  { other: 'statement', name: 'hand-written SQL statement', kind: 'aged', percent: 100, atLeast: 0.8 },
] as const;

const serviceTargets = SERVICE_TARGETS.flatMap(({ other, name, kind, percent, atLeast }) =>
  [1, 4].map((concurrency) =>
    targetOf('service', {
      id: `service-${other}-${percent}-${kind}-${concurrency}`,
      text: `Muster / ${name}, ${percent} % ${kind}, ${concurrency === 1 ? 'one' : concurrency} at a time`,
      bound: { atLeast },
      format: formatRatio,
      figure(result) {
        const measured = result.cells
          .filter((cell) => cell.kind === kind && cell.percent === percent && cell.concurrency === concurrency)
          .flatMap(({ containers, ratios: { [other]: ratio } }) => (ratio ? [{ containers, ratio }] : []));
        const figure = medianOf(measured.find(({ containers }) => containers === CONTAINERS)?.ratio);
        const details = measured
          .filter(({ containers }) => containers !== CONTAINERS)
          .map(({ containers, ratio }) => `${formatNumber(containers)}: ${formatRatio(ratio.median)}`);
        return figure && { ...figure, detail: [figure.detail, ...details].join('; ') };
      },
    }),
  ),
);

/** A measure with a target for each of its cases and each number of connections. */
interface HttpMeasure extends Pick<TargetOf<HttpCell>, 'id' | 'format' | 'figure'> {
  text: (name: HttpCase) => string;
  bounds: readonly ({ case: HttpCase } & Record<8 | 64, Bound>)[];
}

const HTTP_MEASURES: readonly HttpMeasure[] = [
  {
    id: 'http',
    text: (name) => `${name === 'heartbeat' ? name : `snapshot, ${name}`}: Muster / bare Express route`,
    format: formatRatio,
    figure: ({ rateOverBare }) => medianOf(rateOverBare),
    bounds: [
      { case: 'unchanged', 8: { atLeast: 0.9 }, 64: { atLeast: 0.9 } },
      { case: 'heartbeat', 8: { atLeast: 0.9 }, 64: { atLeast: 1.3 } },
      { case: '2 % changed', 8: { atLeast: 0.5 }, 64: { atLeast: 0.5 } },
      { case: '100 % changed', 8: { atLeast: 0.25 }, 64: { atLeast: 0.25 } },
    ],
  },
  {
    id: 'cpu',
    text: (name) => `snapshot, ${name}: CPU of a row loop / of Muster`,
    format: formatRatio,
    figure: ({ cpuOfRowsOverMuster }) => medianOf(cpuOfRowsOverMuster),
    bounds: [
      { case: '2 % changed', 8: { atLeast: 5 }, 64: { atLeast: 5 } },
      { case: '100 % changed', 8: { atLeast: 2.5 }, 64: { atLeast: 2.5 } },
    ],
  },
  {
    id: 'wal',
    text: (name) => `write-ahead log per snapshot, ${name}`,
    format: formatBytes,
    figure: ({ figures: { muster, bare } }) =>
      muster ? { value: muster.walBytes, detail: bare ? `bare route: ${formatBytes(bare.walBytes)}` : '' } : null,
    bounds: [
      { case: 'unchanged', 8: { atMost: 200 }, 64: { atMost: 200 } },
      { case: '2 % changed', 8: { atMost: 2_000 }, 64: { atMost: 2_000 } },
    ],
  },
];

const httpTargets = HTTP_MEASURES.flatMap(({ id, text, format, figure, bounds }) =>
  bounds.flatMap(({ case: name, ...boundOf }) =>
    ([8, 64] as const).map((connections) =>
      targetOf('http', {
        id: `${id}-${name}-${connections}`,
        text: `${text(name)}, ${connections} connections`,
        bound: boundOf[connections],
        format,
        figure({ cells }) {
          const cell = cells.find((other) => other.case === name && other.connections === connections);
          return cell === undefined ? null : figure(cell);
        },
      }),
    ),
  ),
);

const READ_MS_MAX = 50;

export const TARGETS: readonly Target[] = [
  ...serviceTargets,
  ...httpTargets,
  targetOf('growth', {
    id: 'growth-rate',
    text: 'rate with 10,000 hosts / with 100 hosts',
    bound: { atLeast: 0.8 },
    format: formatRatio,
    figure: ({ rateOfMostOverFewest }) => medianOf(rateOfMostOverFewest),
  }),
  targetOf('http', {
    id: 'event-loop-stall',
    text: 'longest stall of the event loop, one snapshot of 5,000 containers that all changed',
    bound: { atMost: 50 },
    format: formatMs,
    figure({ stall: { stallsMs } }) {
      return { value: Math.max(...stallsMs), detail: `longest of ${stallsMs.length} requests` };
    },
  }),
  targetOf('growth', {
    id: 'reads-p95',
    text: 'GET /api/containers, p95 of the slowest read at 500,000 rows',
    bound: { atMost: READ_MS_MAX },
    format: formatMs,
    figure({ sizes }) {
      const reads = sizes.at(-1)?.reads.filter(({ route }) => route === '/api/containers') ?? [];
      const [worst] = reads.toSorted((a, b) => b.latencyMs.p95 - a.latencyMs.p95);
      const slow = reads.filter(({ latencyMs }) => latencyMs.p95 > READ_MS_MAX);
      const detail = `${slow.length} of ${reads.length} reads over ${READ_MS_MAX} ms; slowest: ${worst?.name}`;
      return worst === undefined ? null : { value: worst.latencyMs.p95, detail };
    },
  }),
  targetOf('table-growth', {
    id: 'table-growth',
    text: 'size of tables and indexes after 1,000 unchanged snapshots per host / before',
    bound: { atMost: 1.05 },
    format: formatRatio,
    figure: ({ before, after }) => ({
      value: (after.hosts + after.containers) / (before.hosts + before.containers),
      detail: (['hosts', 'containers'] as const)
        .map((table) => `${table} ${formatRatio(after[table] / before[table])}`)
        .join(', '),
    }),
  }),
];

export interface Judgement {
  target: Target;
  figure: Figure | null;
  /** Null if it was not measured. */
  reached: boolean | null;
  /** The figure is from a quick run. */
  quick: boolean;
}

/** Compares each target with its figure. */
export const judge = (sections: Sections): Judgement[] =>
  TARGETS.map((target) => {
    const figure = target.figure(sections);
    const { bound, section } = target;
    const isReached = ({ value }: Figure) => ('atLeast' in bound ? value >= bound.atLeast : value <= bound.atMost);
    return { target, figure, reached: figure && isReached(figure), quick: sections[section]?.quick ?? false };
  });
