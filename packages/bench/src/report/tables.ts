/** The tables of each section, the same in the terminal and in the document. */
import { CONTENDER_IDS, CONTENDER_NAMES } from '../contenders/contender.js';
import type { Sections } from '../results.js';
import type { EmbeddedResult } from '../sections/embedded.js';
import type { GrowthResult } from '../sections/growth.js';
import type { HttpResult } from '../sections/http.js';
import type { LiveResult } from '../sections/live.js';
import type { ServiceCell, ServiceResult } from '../sections/service.js';
import type { TableGrowthResult } from '../sections/table-growth.js';
import type { Heard } from '../load/listeners.js';
import type { LoadFigures } from '../measure/turn.js';
import { formatBytes, formatMs, formatNumber, formatRatio, formatSpread, median, type Table } from '@muster/measure';
import { SERVER_NAMES, SERVER_ORDER } from './plots.js';
import { formatBound, formatFigure, judge } from './targets.js';

export interface TitledTable extends Table {
  title: string;
}

export const targetTable = (sections: Sections, judgements = judge(sections)): Table => ({
  columns: ['what', 'target', 'figure', '', 'rounds and others'],
  rows: judgements.map(({ target, figure, reached }) => [
    target.text,
    formatBound(target),
    figure === null ? '–' : formatFigure(target, figure.value),
    verdict(reached, sections[target.section]?.quick ?? false),
    figure?.detail ?? '',
  ]),
});

function verdict(reached: boolean | null, quick: boolean): string {
  if (reached === null) return 'not measured';
  return `${reached ? 'pass' : 'shortfall'}${quick ? ' (quick)' : ''}`;
}

const changeName = ({ kind, percent }: ServiceCell) => (kind === 'none' ? 'unchanged' : `${percent} % ${kind}`);

function serviceTables({ cells }: ServiceResult): TitledTable[] {
  return [...new Set(cells.map(({ concurrency }) => concurrency))].map((concurrency) => ({
    title: concurrency === 1 ? 'One at a time' : `${concurrency} at a time, of different hosts`,
    columns: ['containers', 'change', 'contender', 'snapshots/s', 'Muster / it', 'CPU ms Node', 'CPU ms PostgreSQL'],
    rows: cells
      .filter((cell) => cell.concurrency === concurrency)
      .flatMap((cell) =>
        CONTENDER_IDS.flatMap((id) => {
          const figures = cell.figures.find(({ contender }) => contender === id);
          if (figures === undefined) return [];
          const ratio = cell.ratios[id];
          return [
            [
              ...[formatNumber(cell.containers), changeName(cell), CONTENDER_NAMES[id]],
              ...[formatSpread(figures.snapshotsPerSecond), ratio === undefined ? '' : formatSpread(ratio, 'x')],
              ...[formatNumber(figures.nodeCpuMs), formatNumber(figures.postgresCpuMs)],
            ],
          ];
        }),
      ),
  }));
}

function httpTables({ cells, stall, idleWalBytesPerSecond }: HttpResult): TitledTable[] {
  const rates: TitledTable = {
    title: `By case (write-ahead log: less ${formatBytes(idleWalBytesPerSecond)} a second that an idle server writes)`,
    columns: [
      ...['case', 'connections', 'server', 'requests/s', 'Muster / bare', 'p50', 'p99', 'CPU µs server'],
      ...['CPU µs PostgreSQL', 'WAL', 'loop delay p99', 'loop delay max', 'RSS', 'too busy'],
    ],
    rows: cells.flatMap((cell) =>
      SERVER_ORDER.flatMap((id) => {
        const figures = cell.figures[id];
        if (figures === undefined) return [];
        const ratio = id === 'muster' ? cell.rateOverBare : null;
        return [
          [
            ...[cell.case, formatNumber(cell.connections), SERVER_NAMES[id], formatSpread(figures.perSecond)],
            ...[ratio === null ? '' : formatSpread(ratio, 'x'), formatMs(figures.latencyMs.p50)],
            ...[
              formatMs(figures.latencyMs.p99),
              formatNumber(figures.serverCpuUs),
              formatNumber(figures.postgresCpuUs),
            ],
            ...[formatBytes(figures.walBytes), formatMs(figures.eventLoopMs.p99), formatMs(figures.eventLoopMs.max)],
            ...[formatBytes(figures.rssBytes), figures.unavailable === 0 ? '' : formatNumber(figures.unavailable)],
          ],
        ];
      }),
    ),
  };
  return [
    rates,
    {
      title: `One snapshot of ${formatNumber(stall.containers)} containers (${formatBytes(stall.bodyBytes)}), all changed`,
      columns: ['request', 'longest stall of the event loop', 'answered after'],
      rows: stall.stallsMs.map((ms, i) => [`${i + 1}`, formatMs(ms), formatMs(stall.requestMs[i]!)]),
    },
  ];
}

function growthTables({ sizes }: GrowthResult): TitledTable[] {
  const reads = sizes.at(-1)?.reads ?? [];
  return [
    {
      title: 'Ingest: half heartbeats, four tenths unchanged snapshots, one tenth with 2 % changed',
      columns: [
        ...['hosts', 'rows', 'table and indexes', 'first snapshots/s', 'calls/s', 'p50', 'p99', 'CPU µs API'],
        ...['CPU µs PostgreSQL', 'loop delay p99', 'loop delay max', 'RSS', 'too busy'],
      ],
      rows: sizes.map(({ hosts, rows, bytes, firstSnapshotsPerSecond, ingest }) => [
        ...[formatNumber(hosts), formatNumber(rows), formatBytes(bytes), formatNumber(firstSnapshotsPerSecond)],
        ...[formatSpread(ingest.perSecond), formatMs(ingest.latencyMs.p50), formatMs(ingest.latencyMs.p99)],
        ...[formatNumber(ingest.serverCpuUs), formatNumber(ingest.postgresCpuUs)],
        ...[formatMs(ingest.eventLoopMs.p99), formatMs(ingest.eventLoopMs.max), formatBytes(ingest.rssBytes)],
        ingest.unavailable === 0 ? '' : formatNumber(ingest.unavailable),
      ]),
    },
    {
      title: 'The API while it answered the reads',
      columns: ['hosts', 'loop delay p99', 'loop delay max', 'RSS'],
      rows: sizes.map(({ hosts, readEventLoopMs, rssBytes }) => [
        ...[formatNumber(hosts), formatMs(readEventLoopMs.p99), formatMs(readEventLoopMs.max), formatBytes(rssBytes)],
      ]),
    },
    {
      title: 'Reads, one at a time',
      columns: [
        ...['route', 'read'],
        ...sizes.flatMap(({ hosts }) => [`p50 at ${formatNumber(hosts)} hosts`, 'p95', 'p99']),
        ...['items', 'timed out'],
      ],
      rows: reads.map(({ route, name, items, failed, requests }) => [
        ...[route, name],
        ...sizes.flatMap((size) => {
          const figures = size.reads.find((read) => read.route === route && read.name === name);
          const { p50 = NaN, p95 = NaN, p99 = NaN } = figures?.latencyMs ?? {};
          return [p50, p95, p99].map(formatMs);
        }),
        ...[formatNumber(items), failed === 0 ? '' : `${failed} of ${requests}`],
      ]),
    },
  ];
}

function liveTables({ alone, watched, heard, p99Ratio, ...counts }: LiveResult): TitledTable[] {
  const row = (name: string, figures: LoadFigures) => [
    ...[name, formatSpread(figures.perSecond), formatMs(figures.latencyMs.p50), formatMs(figures.latencyMs.p99)],
    ...[formatNumber(figures.serverCpuUs), formatNumber(figures.postgresCpuUs)],
    ...[formatMs(figures.eventLoopMs.p99), formatMs(figures.eventLoopMs.max), formatBytes(figures.rssBytes)],
  ];
  const middle = (of: (told: Heard) => number) => median(heard.map(of));
  return [
    {
      title:
        `${formatNumber(counts.hosts)} hosts of ${formatNumber(counts.containers)} containers, ` +
        `${formatNumber(counts.pace)} calls a second asked for`,
      columns: [
        ...['who listens', 'calls/s', 'p50', 'p99', 'CPU µs API', 'CPU µs PostgreSQL'],
        ...['loop delay p99', 'loop delay max', 'RSS'],
      ],
      rows: [row('nobody', alone), row(`${formatNumber(counts.listeners)} listeners`, watched)],
    },
    {
      title: `What ${formatNumber(counts.listeners)} listeners heard, in each round`,
      columns: [
        'changes, each listener',
        'messages, all',
        'bytes, all',
        'delay p50',
        'delay p99',
        'p99 of calls / alone',
      ],
      rows: [
        [
          ...[formatNumber(middle(({ changes }) => changes.most)), formatNumber(middle(({ messages }) => messages))],
          ...[formatBytes(middle(({ bytes }) => bytes)), formatMs(middle(({ delayMs }) => delayMs.p50))],
          ...[formatMs(middle(({ delayMs }) => delayMs.p99)), formatSpread(p99Ratio, 'x')],
        ],
      ],
    },
  ];
}

function tableGrowthTables({ before, after, ...counts }: TableGrowthResult): TitledTable[] {
  const row = (name: string, first: number, last: number) => [
    ...[name, formatBytes(first), formatBytes(last), formatRatio(last / first)],
  ];
  return [
    {
      title:
        `${formatNumber(counts.snapshotsPerHost)} unchanged snapshots of each of ${formatNumber(counts.hosts)} hosts, ` +
        `at ${formatNumber(counts.snapshotsPerSecond)} a second`,
      columns: ['table with its indexes', 'before', 'after', 'ratio'],
      rows: [
        row('hosts', before.hosts, after.hosts),
        row('containers', before.containers, after.containers),
        row('both', before.hosts + before.containers, after.hosts + after.containers),
      ],
    },
  ];
}

function embeddedTables({ cold, warm, heartbeat, changed, rssBytes, ...counts }: EmbeddedResult): TitledTable[] {
  return [
    {
      title: `${formatNumber(counts.hosts)} hosts of ${formatNumber(counts.containers)} containers, ${counts.connections} connections`,
      columns: ['what', 'figure', 'RSS'],
      rows: [
        ['first start, until ready', formatMs(cold.ms), formatBytes(cold.rssBytes)],
        ['later start, until ready', formatSpread(warm.ms, ' ms'), formatBytes(warm.rssBytes)],
        ['heartbeats/s', formatSpread(heartbeat.perSecond), ''],
        ['snapshots with 2 % changed/s', formatSpread(changed.perSecond), formatBytes(rssBytes)],
      ],
    },
  ];
}

/** The tables of a section that was run. */
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
