/** Renders results for the terminal, for the targets in docs/benchmarks.md, and for docs/benchmarks/tables.md. */
import { markdownTable, replaceBetween, textTable, type Table } from '@muster/testkit/report';
import { SECTION_IDS, type Sections } from '../results.js';
import { tablesOf } from './tables.js';
import { judge, type Judgement } from './targets.js';

const BEGIN = '<!-- targets, by pnpm bench -->';
const END = '<!-- end of targets -->';

/** The text of a new benchmarks.md, for a directory that does not contain this file. */
export const EMPTY_DOCUMENT = `# Benchmarks\n\n${BEGIN}\n\n${END}\n`;

/** Replaces the table of targets. @throws DocumentError if a marker is missing. */
export const withTargets = (document: string, sections: Sections): string =>
  replaceBetween(document, BEGIN, END, markdownTable(targetTable(judge(sections))));

const INTRODUCTION = `# Benchmark tables

Written by \`pnpm bench\`. [benchmarks.md](../benchmarks.md) explains what is measured and how, and \
[results.json](results.json) has the data. A figure with a range in parentheses is the median of the rounds. \
The figures of a quick run are not meaningful.`;

/**
 * Renders the tables of all sections that have results. `settings`: the PostgreSQL settings that differ from the
 * defaults.
 */
export function renderTables(sections: Sections, settings: Readonly<Record<string, string>>): string {
  const records = SECTION_IDS.flatMap((id) => (sections[id] ? [{ id, ...sections[id] }] : []));
  const runs = records.map(({ result: _result, ...run }) => run);
  const tables = [
    ...records.flatMap(({ id, result }) => tablesOf(id, [result])),
    ...tablesOf('Runs', runs),
    ...tablesOf('PostgreSQL settings that differ from the defaults', [settings]),
  ];
  return [INTRODUCTION, ...tables.flatMap((table) => [`## ${table.title}`, markdownTable(table)]), ''].join('\n\n');
}

/** Renders the tables of the sections that ran, and then their targets. */
export function renderTerminal(sections: Sections): string {
  const tables = SECTION_IDS.flatMap((id) => (sections[id] ? tablesOf(id, [sections[id].result]) : []));
  const judged = judge(sections).filter(({ met }) => met !== null);
  const met = judged.filter((judgement) => judgement.met).length;
  return [
    ...tables.map((table) => `\n${table.title}\n\n${textTable(table)}\n`),
    `\nTargets: ${met} of ${judged.length} met\n\n${textTable(targetTable(judged))}\n`,
  ].join('');
}

const targetTable = (judgements: readonly Judgement[]): Table => ({
  columns: ['what', 'target', 'figure', 'result', 'range and other sizes'],
  rows: judgements.map((judgement) => {
    const { text, bound, format } = judgement.target;
    const { value, detail } = judgement.figure ?? { value: null, detail: '' };
    const figure = value === null ? '–' : format(value);
    return [text, `${bound[0]} ${format(bound[1])}`, figure, formatVerdict(judgement), detail];
  }),
});

function formatVerdict({ met, quick }: Judgement): string {
  if (met === null) return 'not measured';
  return `${met ? 'met' : 'not met'}${quick ? ' (quick)' : ''}`;
}
