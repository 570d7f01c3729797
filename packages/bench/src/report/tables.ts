/** The tables of each section, the same in the terminal and in the document. */
import { formatBytes, formatMs, formatNumber, formatRatio, formatSpread, median } from '@muster/testkit/report';
import type { Spread, Table } from '@muster/testkit/report';
import { CONTENDER_NAMES } from '../contenders/contender.js';
import type { Heard } from '../load/listeners.js';
import type { LoadFigures } from '../measure/turn.js';
import type { ServerId } from '../program.js';
import type { SectionId, SectionResults, Sections } from '../results.js';
import type { Judgement, Target } from './targets.js';

export interface TitledTable extends Table {
  title: string;
}

/** The title of a column, and the function that returns its cell in a row. */
type Column<Row> = readonly [title: string, cell: (row: Row) => string];

/** Creates a table with one line for each row. */
export const table = <Row>(title: string, rows: readonly Row[], columns: readonly Column<Row>[]): TitledTable => ({
  title,
  columns: columns.map(([name]) => name),
  rows: rows.map((row) => columns.map(([, cell]) => cell(row))),
});

const formatRatios = (ratios: Spread | null | undefined): string => (ratios ? formatSpread(ratios, 'x') : '');

/** Formats a count that is usually zero. Zero is not shown. */
const formatUnlessZero = (count: number, text = formatNumber(count)): string => (count === 0 ? '' : text);

type LoadColumns = readonly Column<{ figures: LoadFigures }>[];

const WAL: LoadColumns = [['WAL', ({ figures }) => formatBytes(figures.walBytes)]];
const UNAVAILABLE: LoadColumns = [['answered 503', ({ figures }) => formatUnlessZero(figures.unavailable)]];

/** Returns the columns of a load without its rate. `server` names the measured process. */
const loadColumns = (server: string, wal: LoadColumns = []): LoadColumns => [
  ['p50', ({ figures }) => formatMs(figures.latencyMs.p50)],
  ['p99', ({ figures }) => formatMs(figures.latencyMs.p99)],
  [`CPU µs ${server}`, ({ figures }) => formatNumber(figures.serverCpuUs)],
  ['CPU µs PostgreSQL', ({ figures }) => formatNumber(figures.postgresCpuUs)],
  ...wal,
  ['loop delay p99', ({ figures }) => formatMs(figures.eventLoopMs.p99)],
  ['loop delay max', ({ figures }) => formatMs(figures.eventLoopMs.max)],
  ['RSS', ({ figures }) => formatBytes(figures.rssBytes)],
];

const SERVER_NAMES: Readonly<Record<ServerId, string>> = {
  bare: 'bare Express route',
  rows: 'Express, row loop on pg',
  muster: 'Muster',
};

const TABLES: { [Id in SectionId]: (result: SectionResults[Id]) => TitledTable[] } = {
  service: ({ cells }) =>
    [...new Set(cells.map(({ concurrency }) => concurrency))].map((concurrency) => {
      const rows = cells
        .filter((cell) => cell.concurrency === concurrency)
        .flatMap((cell) => cell.figures.map((figures) => ({ cell, figures, id: figures.contender })));
      return table(concurrency === 1 ? 'One at a time' : `${concurrency} at a time, for different hosts`, rows, [
        ['containers', ({ cell }) => formatNumber(cell.containers)],
        ['change', ({ cell }) => (cell.kind === 'none' ? 'unchanged' : `${cell.percent} % ${cell.kind}`)],
        ['implementation', ({ id }) => CONTENDER_NAMES[id]],
        ['snapshots/s', ({ figures }) => formatSpread(figures.snapshotsPerSecond)],
        ['Muster / this', ({ cell, id }) => formatRatios(cell.ratios[id])],
        ['CPU ms Node', ({ figures }) => formatNumber(figures.nodeCpuMs)],
        ['CPU ms PostgreSQL', ({ figures }) => formatNumber(figures.postgresCpuMs)],
      ]);
    }),

  http({ cells, stall, idleWalBytesPerSecond }) {
    const rows = cells.flatMap((cell) =>
      Object.entries(cell.figures).map(([id, figures]) => ({ cell, figures, id: id as ServerId })),
    );
    const idleWal = formatBytes(idleWalBytesPerSecond);
    const requests = stall.stallsMs.map((stallMs, i) => ({ number: i + 1, stallMs, ms: stall.requestMs[i]! }));
    const snapshot = `${formatNumber(stall.containers)} containers (${formatBytes(stall.bodyBytes)})`;
    return [
      table(`By case (WAL does not include the ${idleWal} per second of an idle server)`, rows, [
        ['case', ({ cell }) => cell.case],
        ['connections', ({ cell }) => formatNumber(cell.connections)],
        ['server', ({ id }) => SERVER_NAMES[id]],
        ['requests/s', ({ figures }) => formatSpread(figures.perSecond)],
        ['Muster / bare', ({ cell, id }) => (id === 'muster' ? formatRatios(cell.rateOverBare) : '')],
        ...loadColumns('server', WAL),
        ...UNAVAILABLE,
      ]),
      table(`One snapshot of ${snapshot} that all changed`, requests, [
        ['request', ({ number }) => String(number)],
        ['longest stall of the event loop', ({ stallMs }) => formatMs(stallMs)],
        ['answered after', ({ ms }) => formatMs(ms)],
      ]),
    ];
  },

  growth({ sizes }) {
    const rows = sizes.map((size) => ({ size, figures: size.ingest }));
    const reads = (sizes.at(-1)?.reads ?? []).map((read) => ({
      ...read,
      bySize: sizes.map((size) => size.reads.find(({ route, name }) => route === read.route && name === read.name)),
    }));
    const latencies = sizes.flatMap(({ hosts }, i) =>
      (['p50', 'p95', 'p99'] as const).map((percentile): Column<(typeof reads)[number]> => {
        const title = percentile === 'p50' ? `p50, ${formatNumber(hosts)} hosts` : percentile;
        return [title, ({ bySize }) => formatMs(bySize[i]?.latencyMs[percentile] ?? NaN)];
      }),
    );
    return [
      table('Ingest: 50 % heartbeats, 40 % unchanged snapshots, 10 % snapshots with 2 % changed', rows, [
        ['hosts', ({ size }) => formatNumber(size.hosts)],
        ['rows', ({ size }) => formatNumber(size.rows)],
        ['table and indexes', ({ size }) => formatBytes(size.bytes)],
        ['first snapshots/s', ({ size }) => formatNumber(size.firstSnapshotsPerSecond)],
        ['calls/s', ({ figures }) => formatSpread(figures.perSecond)],
        ...loadColumns('API'),
        ...UNAVAILABLE,
      ]),
      table('The API during the reads', sizes, [
        ['hosts', ({ hosts }) => formatNumber(hosts)],
        ['loop delay p99', ({ readEventLoopMs }) => formatMs(readEventLoopMs.p99)],
        ['loop delay max', ({ readEventLoopMs }) => formatMs(readEventLoopMs.max)],
        ['RSS', ({ rssBytes }) => formatBytes(rssBytes)],
      ]),
      table('Reads, one at a time', reads, [
        ['route', ({ route }) => route],
        ['read', ({ name }) => name],
        ...latencies,
        ['items', ({ items }) => formatNumber(items)],
        ['timed out', ({ failed, requests }) => formatUnlessZero(failed, `${failed} of ${requests}`)],
      ]),
    ];
  },

  live({ hosts, containers, pace, listeners, alone, watched, heard, p99Ratio }) {
    const audience = `${formatNumber(listeners)} listeners`;
    const rows = [
      { name: 'none', figures: alone },
      { name: audience, figures: watched },
    ];
    const fleet = `${formatNumber(hosts)} hosts of ${formatNumber(containers)} containers`;
    const medianOf = (value: (received: Heard) => number) => median(heard.map(value));
    const received: readonly Column<unknown>[] = [
      ['changes per listener', () => formatNumber(medianOf(({ changes }) => changes.most))],
      ['messages in total', () => formatNumber(medianOf(({ messages }) => messages))],
      ['bytes in total', () => formatBytes(medianOf(({ bytes }) => bytes))],
      ['delay p50', () => formatMs(medianOf(({ delayMs }) => delayMs.p50))],
      ['delay p99', () => formatMs(medianOf(({ delayMs }) => delayMs.p99))],
      ['p99 of calls / without listeners', () => formatRatios(p99Ratio)],
    ];
    return [
      table(`${fleet}, ${formatNumber(pace)} calls/s requested`, rows, [
        ['listeners', ({ name }) => name],
        ['calls/s', ({ figures }) => formatSpread(figures.perSecond)],
        ...loadColumns('API'),
      ]),
      table(`What ${audience} received in each round`, [heard], received),
    ];
  },

  'table-growth'({ hosts, snapshotsPerHost, snapshotsPerSecond, before, after }) {
    const rows = [
      { name: 'hosts', first: before.hosts, last: after.hosts },
      { name: 'containers', first: before.containers, last: after.containers },
      { name: 'both', first: before.hosts + before.containers, last: after.hosts + after.containers },
    ];
    const load = `${formatNumber(snapshotsPerHost)} unchanged snapshots from each of ${formatNumber(hosts)} hosts`;
    return [
      table(`${load}, ${formatNumber(snapshotsPerSecond)} per second`, rows, [
        ['table with its indexes', ({ name }) => name],
        ['before', ({ first }) => formatBytes(first)],
        ['after', ({ last }) => formatBytes(last)],
        ['ratio', ({ first, last }) => formatRatio(last / first)],
      ]),
    ];
  },

  embedded: ({ hosts, containers, connections, cold, warm, heartbeat, changed, rssBytes }) => [
    {
      title: `${formatNumber(hosts)} hosts of ${formatNumber(containers)} containers, ${connections} connections`,
      columns: ['what', 'figure', 'RSS'],
      rows: [
        ['first start until ready', formatMs(cold.ms), formatBytes(cold.rssBytes)],
        ['later start until ready', formatSpread(warm.ms, ' ms'), formatBytes(warm.rssBytes)],
        ['heartbeats/s', formatSpread(heartbeat.perSecond), ''],
        ['snapshots with 2 % changed/s', formatSpread(changed.perSecond), formatBytes(rssBytes)],
      ],
    },
  ],
};

/** Returns the tables of a section, or none if it has no results. */
export const tablesOf = <Id extends SectionId>(id: Id, record: Sections[Id]): TitledTable[] =>
  record === undefined ? [] : TABLES[id](record.result);

/** Returns a table of targets with their figures. */
export const targetTable = (judgements: readonly Judgement[]): TitledTable =>
  table('Targets', judgements, [
    ['what', ({ target }) => target.text],
    ['target', ({ target }) => formatBound(target)],
    ['figure', ({ target, figure }) => (figure === null ? '–' : target.format(figure.value))],
    ['result', formatVerdict],
    ['range and other sizes', ({ figure }) => figure?.detail ?? ''],
  ]);

const formatBound = ({ format, bound }: Target): string =>
  'atLeast' in bound ? `at least ${format(bound.atLeast)}` : `at most ${format(bound.atMost)}`;

function formatVerdict({ reached, quick }: Judgement): string {
  if (reached === null) return 'not measured';
  return `${reached ? 'pass' : 'shortfall'}${quick ? ' (quick)' : ''}`;
}
