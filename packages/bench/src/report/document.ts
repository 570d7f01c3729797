/** Where results are shown: the terminal, the block of targets in docs/benchmarks.md, and docs/benchmarks/tables.md. */
import { formatBytes, formatMs, formatNumber, markdownTable, textTable, type Machine } from '@muster/testkit/report';
import { SECTION_IDS, SECTION_TITLES, type SectionId, type SectionRecord, type Sections } from '../results.js';
import { table, tablesOf, targetTable } from './tables.js';
import { judge } from './targets.js';

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
  const block = `${BEGIN}\n\n${markdownTable(targetTable(judge(sections)))}\n\n`;
  return document.slice(0, from) + block + document.slice(to);
}

/** Renders the tables of all sections that have results. `settings`: PostgreSQL's settings other than its defaults. */
export function renderTables(sections: Sections, settings: Readonly<Record<string, string>>): string {
  const measured = SECTION_IDS.flatMap((id) => (sections[id] ? [{ id, ...sections[id] }] : []));
  const text = [
    '# Benchmark tables',
    'Written by `pnpm bench`. [benchmarks.md](../benchmarks.md) explains what is measured and how, and ' +
      '[results.json](results.json) has the data. Each figure is the median of the rounds, with their range in parentheses.',
    ...measured.flatMap((record) => [
      `## ${SECTION_TITLES[record.id]}`,
      describeRun(record),
      ...tablesOf(record.id, record).flatMap((table) => [`### ${table.title}`, markdownTable(table)]),
    ]),
    '## Machine',
    listMachines(measured),
    markdownTable(
      table('Databases', measured, [
        ['section', ({ id }) => id],
        ['database', ({ machine: { postgres } }) => (postgres === null ? 'PGlite' : `PostgreSQL ${postgres}`)],
        ['durable write of 8 KiB', ({ machine }) => formatMs(machine.fsyncMs)],
      ]),
    ),
    'PostgreSQL settings that differ from the defaults:',
    ['```', ...Object.entries(settings).map((pair) => pair.join(' = ')), '```'].join('\n'),
  ];
  return `${text.join('\n\n')}\n`;
}

/** Renders the tables of the sections that ran, and then their targets. */
export function renderTerminal(sections: Sections): string {
  const tables = SECTION_IDS.flatMap((id) =>
    tablesOf(id, sections[id]).map((table) => `\n${id}: ${table.title}\n\n${textTable(table)}\n`),
  );
  const judged = judge(sections).filter(({ reached }) => reached !== null);
  const reached = judged.filter((judgement) => judgement.reached).length;
  return `${tables.join('')}\nTargets: ${reached} of ${judged.length} reached\n\n${textTable(targetTable(judged))}\n`;
}

function describeRun({ at, commit, quick, rounds, seconds }: SectionRecord<unknown>): string {
  const caveat = quick ? ' This was a quick run, so its figures mean little.' : '';
  return `Measured on ${at.slice(0, 10)} at commit ${commit}: ${rounds} rounds, ${formatNumber(seconds)} s.${caveat}`;
}

const describeMachine = ({ cpu, cores, memoryBytes, kernel, node }: Machine): string =>
  `${cpu}, ${cores} cores, ${formatBytes(memoryBytes)} of memory, ${kernel}, Node.js ${node}`;

/** Lists each machine with the sections that ran on it, which are usually all sections. */
function listMachines(runs: readonly { id: SectionId; machine: Machine }[]): string {
  const machines = new Map<string, SectionId[]>();
  for (const { id, machine } of runs) {
    const text = describeMachine(machine);
    machines.set(text, [...(machines.get(text) ?? []), id]);
  }
  return [...machines].map(([text, ids]) => `- ${text} (${ids.join(', ')})`).join('\n');
}
