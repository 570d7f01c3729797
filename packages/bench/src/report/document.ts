/** Where results are shown: the terminal, the block of targets in docs/benchmarks.md, and docs/benchmarks/tables.md. */
import { formatBytes, formatMs, formatNumber, markdownTable, textTable } from '@muster/testkit/report';
import { SECTION_IDS, type SectionId, type SectionRecord, type Sections } from '../results.js';
import { tablesOf, targetTable } from './tables.js';
import { judge } from './targets.js';

const TITLES: Readonly<Record<SectionId, string>> = {
  service: 'Service',
  http: 'HTTP',
  growth: 'Growth',
  live: 'Live stream',
  'table-growth': 'Table growth',
  embedded: 'Embedded database',
};

/** The document has no place for the targets. */
export class DocumentError extends Error {}

const BEGIN = '<!-- targets, by pnpm bench -->';
const END = '<!-- end of targets -->';

/** The document for a directory that has none. */
export const EMPTY_DOCUMENT = `# Benchmarks\n\n${BEGIN}\n\n${END}\n`;

/** Replaces the table of targets and leaves all other text unchanged. @throws DocumentError if a marker is missing. */
export function withTargets(document: string, sections: Sections): string {
  const from = document.indexOf(BEGIN);
  const to = document.indexOf(END, from);
  if (from === -1 || to === -1) throw new DocumentError(`benchmarks.md lacks the line ${BEGIN} or ${END}`);
  const block = `${BEGIN}\n\n${markdownTable(targetTable(judge(sections), sections))}\n\n`;
  return document.slice(0, from) + block + document.slice(to);
}

/** Renders the tables of all sections that have results. `settings`: PostgreSQL's settings other than its defaults. */
export function renderTables(sections: Sections, settings: Readonly<Record<string, string>>): string {
  const known = SECTION_IDS.filter((id) => sections[id] !== undefined);
  const text = [
    '# Benchmark tables',
    'Written by `pnpm bench`. [benchmarks.md](../benchmarks.md) explains what is measured and how, and ' +
      '[results.json](results.json) has the data. Each figure is the median of the rounds, with their range in parentheses.',
    ...known.flatMap((id) => [
      `## ${TITLES[id]}`,
      describeRun(sections[id]!),
      ...tablesOf(id, sections).flatMap((table) => [`### ${table.title}`, markdownTable(table)]),
    ]),
    '## Machine',
    ...describeMachines(sections),
    'PostgreSQL settings that differ from the defaults:',
    `\`\`\`\n${Object.entries(settings)
      .map((pair) => pair.join(' = '))
      .join('\n')}\n\`\`\``,
  ];
  return `${text.join('\n\n')}\n`;
}

/** Renders the tables of the sections that ran, then their targets. */
export function renderTerminal(sections: Sections): string {
  const tables = SECTION_IDS.flatMap((id) =>
    tablesOf(id, sections).map((table) => `\n${id}: ${table.title}\n\n${textTable(table)}\n`),
  );
  const judged = judge(sections).filter(({ reached }) => reached !== null);
  const reached = judged.filter((judgement) => judgement.reached).length;
  const targets = textTable(targetTable(judged, sections));
  return `${tables.join('')}\nTargets: ${reached} of ${judged.length} reached\n\n${targets}\n`;
}

function describeRun({ at, commit, quick, rounds, seconds }: SectionRecord<unknown>): string {
  const caveat = quick ? ' This was a quick run, so its figures mean little.' : '';
  return `Measured on ${at.slice(0, 10)} at commit ${commit}: ${rounds} rounds, ${formatNumber(seconds)} s.${caveat}`;
}

/** Lists each machine with the sections that ran on it (usually all), and what each section's figures depend on. */
function describeMachines(sections: Sections): string[] {
  const lines = new Map<string, SectionId[]>();
  const rows: string[][] = [];
  for (const id of SECTION_IDS) {
    const machine = sections[id]?.machine;
    if (machine === undefined) continue;
    const { cpu, cores, memoryBytes, kernel, node, postgres, fsyncMs } = machine;
    const line = `${cpu}, ${cores} cores, ${formatBytes(memoryBytes)} of memory, ${kernel}, Node.js ${node}`;
    lines.set(line, [...(lines.get(line) ?? []), id]);
    rows.push([id, postgres === null ? 'PGlite' : `PostgreSQL ${postgres}`, formatMs(fsyncMs)]);
  }
  return [
    [...lines].map(([line, ids]) => `- ${line} (${ids.join(', ')})`).join('\n'),
    markdownTable({ columns: ['section', 'database', 'durable write of 8 KiB'], rows }),
  ];
}
