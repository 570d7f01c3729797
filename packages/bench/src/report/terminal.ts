import { SECTION_IDS, type Sections } from '../results.js';
import { textTable } from '@muster/measure';
import { tablesOf, targetTable } from './tables.js';
import { judge } from './targets.js';

/** All that was found, as text for a terminal: the sections' tables, and last the targets that they have figures for. */
export function renderTerminal(sections: Sections): string {
  const tables = SECTION_IDS.flatMap((id) =>
    tablesOf(id, sections).map((table) => `\n${id}: ${table.title}\n\n${textTable(table)}\n`),
  );
  const judged = judge(sections).filter(({ reached }) => reached !== null);
  const reached = judged.filter((judgement) => judgement.reached).length;
  return [
    ...tables,
    `\nTargets: ${reached} of ${judged.length} reached\n\n${textTable(targetTable(sections, judged))}\n`,
  ].join('');
}
