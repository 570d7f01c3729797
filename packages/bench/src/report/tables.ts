/** The tables of each section, the same in the terminal and in the document. */
import { CONTENDER_IDS, CONTENDER_NAMES } from '../contenders/contender.js';
import type { ServerId } from '../program.js';
import type { Sections } from '../results.js';
import type { EmbeddedResult } from '../sections/embedded.js';
import type { GrowthResult } from '../sections/growth.js';
import type { HttpResult } from '../sections/http.js';
import type { LiveResult } from '../sections/live.js';
import type { ServiceCell, ServiceResult } from '../sections/service.js';
import type { TableGrowthResult } from '../sections/table-growth.js';
import type { Heard } from '../load/listeners.js';
import type { LoadFigures } from '../measure/turn.js';
import {
  formatBytes,
  formatMs,
  formatNumber,
  formatRatio,
  formatSpread,
  median,
  type Table,
} from '@muster/testkit/report';
import type { Judgement, Target } from './targets.js';

export interface TitledTable extends Table {
  title: string;
}

const SERVER_NAMES: Readonly<Record<ServerId, string>> = {
  bare: 'bare Express route',
  rows: 'Express, row loop on pg',
  muster: 'Muster',
};

interface Column<Row> {
  title: string;
  cell: (row: Row) => string;
}

const column = <Row>(title: string, cell: (row: Row) => string): Column<Row> => ({ title, cell });

const tableOf = <Row>(title: string, rows: readonly Row[], columns: readonly Column<Row>[]): TitledTable => ({
  title,
  columns: columns.map((each) => each.title),
  rows: rows.map((row) => columns.map(({ cell }) => cell(row))),
});

/** Formats a number that is usually 0, which is left out. */
const formatCount = (count: number): string => (count === 0 ? '' : formatNumber(count));

const formatBound = ({ format, bound }: Target): string =>
  'atLeast' in bound ? `at least ${format(bound.atLeast)}` : `at most ${format(bound.atMost)}`;

export function targetTable(judgements: readonly Judgement[], sections: Sections): Table {
  return tableOf('Targets', judgements, [
    column('what', ({ target }) => target.text),
    column('target', ({ target }) => formatBound(target)),
    column('figure', ({ target, figure }) => (figure === null ? '–' : target.format(figure.value))),
    column('result', ({ target, reached }) => verdict(reached, sections[target.section]?.quick ?? false)),
    column('range and other sizes', ({ figure }) => figure?.detail ?? ''),
  ]);
}

function verdict(reached: boolean | null, quick: boolean): string {
  if (reached === null) return 'not measured';
  return `${reached ? 'pass' : 'shortfall'}${quick ? ' (quick)' : ''}`;
}

const changeName = ({ kind, percent }: ServiceCell) => (kind === 'none' ? 'unchanged' : `${percent} % ${kind}`);

function serviceTables({ cells }: ServiceResult): TitledTable[] {
  return [...new Set(cells.map(({ concurrency }) => concurrency))].map((concurrency) => {
    const rows = cells
      .filter((cell) => cell.concurrency === concurrency)
      .flatMap((cell) =>
        CONTENDER_IDS.flatMap((id) => {
          const figures = cell.figures.find(({ contender }) => contender === id);
          return figures === undefined ? [] : [{ cell, id, figures, ratio: cell.ratios[id] }];
        }),
      );
    const title = concurrency === 1 ? 'One at a time' : `${concurrency} at a time, for different hosts`;
    return tableOf(title, rows, [
      column('containers', ({ cell }) => formatNumber(cell.containers)),
      column('change', ({ cell }) => changeName(cell)),
      column('implementation', ({ id }) => CONTENDER_NAMES[id]),
      column('snapshots/s', ({ figures }) => formatSpread(figures.snapshotsPerSecond)),
      column('Muster / this', ({ ratio }) => (ratio === undefined ? '' : formatSpread(ratio, 'x'))),
      column('CPU ms Node', ({ figures }) => formatNumber(figures.nodeCpuMs)),
      column('CPU ms PostgreSQL', ({ figures }) => formatNumber(figures.postgresCpuMs)),
    ]);
  });
}

function httpTables({ cells, stall, idleWalBytesPerSecond }: HttpResult): TitledTable[] {
  const rows = cells.flatMap((cell) =>
    (Object.keys(SERVER_NAMES) as ServerId[]).flatMap((id) => {
      const figures = cell.figures[id];
      return figures === undefined ? [] : [{ cell, id, figures }];
    }),
  );
  const idleWal = formatBytes(idleWalBytesPerSecond);
  const rates = tableOf(`By case (WAL does not include the ${idleWal} per second of an idle server)`, rows, [
    column('case', ({ cell }) => cell.case),
    column('connections', ({ cell }) => formatNumber(cell.connections)),
    column('server', ({ id }) => SERVER_NAMES[id]),
    column('requests/s', ({ figures }) => formatSpread(figures.perSecond)),
    column('Muster / bare', ({ id, cell: { rateOverBare } }) =>
      id === 'muster' && rateOverBare !== null ? formatSpread(rateOverBare, 'x') : '',
    ),
    column('p50', ({ figures }) => formatMs(figures.latencyMs.p50)),
    column('p99', ({ figures }) => formatMs(figures.latencyMs.p99)),
    column('CPU µs server', ({ figures }) => formatNumber(figures.serverCpuUs)),
    column('CPU µs PostgreSQL', ({ figures }) => formatNumber(figures.postgresCpuUs)),
    column('WAL', ({ figures }) => formatBytes(figures.walBytes)),
    column('loop delay p99', ({ figures }) => formatMs(figures.eventLoopMs.p99)),
    column('loop delay max', ({ figures }) => formatMs(figures.eventLoopMs.max)),
    column('RSS', ({ figures }) => formatBytes(figures.rssBytes)),
    column('answered 503', ({ figures }) => formatCount(figures.unavailable)),
  ]);
  const { containers, bodyBytes, stallsMs, requestMs } = stall;
  return [
    rates,
    tableOf(
      `One snapshot of ${formatNumber(containers)} containers (${formatBytes(bodyBytes)}) that all changed`,
      stallsMs.map((stallMs, index) => ({ request: index + 1, stallMs, answeredMs: requestMs[index]! })),
      [
        column('request', ({ request }) => String(request)),
        column('longest stall of the event loop', ({ stallMs }) => formatMs(stallMs)),
        column('answered after', ({ answeredMs }) => formatMs(answeredMs)),
      ],
    ),
  ];
}

function growthTables({ sizes }: GrowthResult): TitledTable[] {
  type Size = GrowthResult['sizes'][number];
  const hosts = column<Size>('hosts', (size) => formatNumber(size.hosts));
  const ofRead = (size: Size, { route, name }: Size['reads'][number]) =>
    size.reads.find((read) => read.route === route && read.name === name);
  return [
    tableOf('Ingest: 50 % heartbeats, 40 % unchanged snapshots, 10 % snapshots with 2 % changed', sizes, [
      hosts,
      column('rows', ({ rows }) => formatNumber(rows)),
      column('table and indexes', ({ bytes }) => formatBytes(bytes)),
      column('first snapshots/s', ({ firstSnapshotsPerSecond }) => formatNumber(firstSnapshotsPerSecond)),
      column('calls/s', ({ ingest }) => formatSpread(ingest.perSecond)),
      column('p50', ({ ingest }) => formatMs(ingest.latencyMs.p50)),
      column('p99', ({ ingest }) => formatMs(ingest.latencyMs.p99)),
      column('CPU µs API', ({ ingest }) => formatNumber(ingest.serverCpuUs)),
      column('CPU µs PostgreSQL', ({ ingest }) => formatNumber(ingest.postgresCpuUs)),
      column('loop delay p99', ({ ingest }) => formatMs(ingest.eventLoopMs.p99)),
      column('loop delay max', ({ ingest }) => formatMs(ingest.eventLoopMs.max)),
      column('RSS', ({ ingest }) => formatBytes(ingest.rssBytes)),
      column('answered 503', ({ ingest }) => formatCount(ingest.unavailable)),
    ]),
    tableOf('The API during the reads', sizes, [
      hosts,
      column('loop delay p99', ({ readEventLoopMs }) => formatMs(readEventLoopMs.p99)),
      column('loop delay max', ({ readEventLoopMs }) => formatMs(readEventLoopMs.max)),
      column('RSS', ({ rssBytes }) => formatBytes(rssBytes)),
    ]),
    tableOf('Reads, one at a time', sizes.at(-1)?.reads ?? [], [
      column('route', ({ route }) => route),
      column('read', ({ name }) => name),
      ...sizes.flatMap((size) =>
        (['p50', 'p95', 'p99'] as const).map((percentile) =>
          column<Size['reads'][number]>(
            percentile === 'p50' ? `p50, ${formatNumber(size.hosts)} hosts` : percentile,
            (read) => formatMs(ofRead(size, read)?.latencyMs[percentile] ?? NaN),
          ),
        ),
      ),
      column('items', ({ items }) => formatNumber(items)),
      column('timed out', ({ failed, requests }) => (failed === 0 ? '' : `${failed} of ${requests}`)),
    ]),
  ];
}

function liveTables({ alone, watched, heard, p99Ratio, ...counts }: LiveResult): TitledTable[] {
  const listeners = `${formatNumber(counts.listeners)} listeners`;
  const rows: { name: string; figures: LoadFigures }[] = [
    { name: 'none', figures: alone },
    { name: listeners, figures: watched },
  ];
  const middle = (of: (received: Heard) => number) => median(heard.map(of));
  return [
    tableOf(
      `${formatNumber(counts.hosts)} hosts of ${formatNumber(counts.containers)} containers, ` +
        `${formatNumber(counts.pace)} calls/s requested`,
      rows,
      [
        column('listeners', ({ name }) => name),
        column('calls/s', ({ figures }) => formatSpread(figures.perSecond)),
        column('p50', ({ figures }) => formatMs(figures.latencyMs.p50)),
        column('p99', ({ figures }) => formatMs(figures.latencyMs.p99)),
        column('CPU µs API', ({ figures }) => formatNumber(figures.serverCpuUs)),
        column('CPU µs PostgreSQL', ({ figures }) => formatNumber(figures.postgresCpuUs)),
        column('loop delay p99', ({ figures }) => formatMs(figures.eventLoopMs.p99)),
        column('loop delay max', ({ figures }) => formatMs(figures.eventLoopMs.max)),
        column('RSS', ({ figures }) => formatBytes(figures.rssBytes)),
      ],
    ),
    tableOf(
      `What ${listeners} received in each round`,
      [heard],
      [
        column('changes per listener', () => formatNumber(middle(({ changes }) => changes.most))),
        column('messages in total', () => formatNumber(middle(({ messages }) => messages))),
        column('bytes in total', () => formatBytes(middle(({ bytes }) => bytes))),
        column('delay p50', () => formatMs(middle(({ delayMs }) => delayMs.p50))),
        column('delay p99', () => formatMs(middle(({ delayMs }) => delayMs.p99))),
        column('p99 of calls / without listeners', () => formatSpread(p99Ratio, 'x')),
      ],
    ),
  ];
}

function tableGrowthTables({ before, after, ...counts }: TableGrowthResult): TitledTable[] {
  const rows = [
    { name: 'hosts', first: before.hosts, last: after.hosts },
    { name: 'containers', first: before.containers, last: after.containers },
    { name: 'both', first: before.hosts + before.containers, last: after.hosts + after.containers },
  ];
  const title =
    `${formatNumber(counts.snapshotsPerHost)} unchanged snapshots from each of ${formatNumber(counts.hosts)} hosts, ` +
    `${formatNumber(counts.snapshotsPerSecond)} per second`;
  return [
    tableOf(title, rows, [
      column('table with its indexes', ({ name }) => name),
      column('before', ({ first }) => formatBytes(first)),
      column('after', ({ last }) => formatBytes(last)),
      column('ratio', ({ first, last }) => formatRatio(last / first)),
    ]),
  ];
}

function embeddedTables({ cold, warm, heartbeat, changed, rssBytes, ...counts }: EmbeddedResult): TitledTable[] {
  const { hosts, containers, connections } = counts;
  return [
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
  ];
}

/** The tables of a section; none if it has no results. */
export function tablesOf(id: keyof Sections, sections: Sections): TitledTable[] {
  const { service, http, growth, live, 'table-growth': tables, embedded } = sections;
  switch (id) {
    case 'service':
      return service ? serviceTables(service.result) : [];
    case 'http':
      return http ? httpTables(http.result) : [];
    case 'growth':
      return growth ? growthTables(growth.result) : [];
    case 'live':
      return live ? liveTables(live.result) : [];
    case 'table-growth':
      return tables ? tableGrowthTables(tables.result) : [];
    case 'embedded':
      return embedded ? embeddedTables(embedded.result) : [];
  }
}
