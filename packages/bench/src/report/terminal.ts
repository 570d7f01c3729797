import { SECTION_IDS, type Sections } from '../results.js';
import { textTable } from './table.js';
import { tablesOf, targetTable } from './tables.js';
import { judge } from './targets.js';

/** All that was found, as text for a terminal: the sections' tables, and last the targets. */
export function renderTerminal(sections: Sections): string {
  const tables = SECTION_IDS.flatMap((id) =>
    tablesOf(id, sections).map((table) => `\n${id}: ${table.title}\n\n${textTable(table)}\n`),
  );
  const judged = judge(sections).filter(({ reached }) => reached !== null);
  const reached = judged.filter((judgement) => judgement.reached).length;
  const quick = Object.values(sections).some((section) => section.quick);
  const caveat = quick ? ' (of a quick run, which says little)' : '';
  return [
    ...tables,
    `\nTargets${caveat}: ${reached} of ${judged.length} reached\n\n${textTable(targetTable(sections))}\n`,
  ].join('');
}
