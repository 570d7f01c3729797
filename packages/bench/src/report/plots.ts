/** Which plots the document has. */
import { CONTENDER_IDS, CONTENDER_NAMES } from '../contenders/contender.js';
import type { ServerId } from '../program.js';
import type { Sections } from '../results.js';
import { formatNumber } from '@muster/measure';
import { barChart } from './svg.js';

export interface Plot {
  /** The section that it belongs to, and its file. */
  section: keyof Sections;
  name: string;
  /** What it shows, for whoever does not see it. */
  alt: string;
  svg: string;
}

/** What to call the servers, everywhere. */
export const SERVER_NAMES: Readonly<Record<ServerId, string>> = {
  bare: 'bare Express + one update',
  rows: 'Express + row loop on raw pg',
  muster: 'Muster',
};
export const SERVER_ORDER: readonly ServerId[] = ['bare', 'rows', 'muster'];

/** Reads that the plot shows: the slowest. */
const READS_SHOWN = 20;

export function renderPlots(sections: Sections): Plot[] {
  return [...servicePlots(sections), ...httpPlots(sections), ...growthPlots(sections)];
}

function servicePlots({ service }: Sections): Plot[] {
  const cells = service?.result.cells.filter((cell) => cell.kind === 'restarted' && cell.percent === 2) ?? [];
  const sequential = cells.filter(({ concurrency }) => concurrency === 1);
  if (sequential.length === 0) return [];
  const title = 'Snapshots with 2 % changed, written one at a time';
  return [
    {
      ...{ section: 'service', name: 'service.svg', alt: title },
      svg: barChart({
        ...{ title, unit: 'snapshots a second', logarithmic: true, format: formatNumber },
        series: CONTENDER_IDS.map((id) => CONTENDER_NAMES[id]),
        groups: sequential.map(({ containers, figures }) => ({
          label: `${formatNumber(containers)} containers`,
          values: CONTENDER_IDS.map(
            (id) => figures.find(({ contender }) => contender === id)?.snapshotsPerSecond.median ?? null,
          ),
        })),
      }),
    },
  ];
}

function httpPlots({ http }: Sections): Plot[] {
  if (http === undefined) return [];
  const title = 'Requests over HTTP';
  return [
    {
      ...{ section: 'http', name: 'http.svg', alt: title },
      svg: barChart({
        ...{ title, unit: 'requests a second', logarithmic: false, format: formatNumber },
        series: SERVER_ORDER.map((id) => SERVER_NAMES[id]),
        groups: http.result.cells.map((cell) => ({
          label: `${cell.case}, ${cell.connections} connections`,
          values: SERVER_ORDER.map((id) => cell.figures[id]?.perSecond.median ?? null),
        })),
      }),
    },
  ];
}

function growthPlots({ growth }: Sections): Plot[] {
  const sizes = growth?.result.sizes ?? [];
  const largest = sizes.at(-1);
  if (largest === undefined) return [];
  const slowest = [...largest.reads].sort((a, b) => b.latencyMs.p95 - a.latencyMs.p95).slice(0, READS_SHOWN);
  const ingest = 'Ingest by the number of hosts';
  const reads = 'The slowest reads, by the number of hosts';
  const hosts = sizes.map((size) => `${formatNumber(size.hosts)} hosts`);
  return [
    {
      ...{ section: 'growth', name: 'growth-ingest.svg', alt: ingest },
      svg: barChart({
        ...{ title: ingest, unit: 'calls a second', logarithmic: false, format: formatNumber },
        series: ['calls a second'],
        groups: sizes.map((size, i) => ({ label: hosts[i]!, values: [size.ingest.perSecond.median] })),
      }),
    },
    {
      ...{ section: 'growth', name: 'growth-reads.svg', alt: reads },
      svg: barChart({
        ...{ title: reads, unit: 'p95 in ms', logarithmic: true, format: formatNumber },
        series: hosts,
        groups: slowest.map(({ name, route }) => ({
          label: `${route.replace('/api/', '')}: ${name}`,
          values: sizes.map(
            (size) => size.reads.find((read) => read.name === name && read.route === route)?.latencyMs.p95 ?? null,
          ),
        })),
      }),
    },
  ];
}
