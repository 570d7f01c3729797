/** The figures in docs/reliability.md: each promise has a place between two markers, the rest is written by people. */
import { markdownTable } from '@muster/testkit/report';
import type { GuaranteeRecord } from './record.js';

/** A document that has no place for a promise. */
export class DocumentError extends Error {}

const begin = (id: string) => `<!-- figures of ${id}, by pnpm test:faults -->`;
const END = '<!-- end of figures -->';

/**
 * The document with these figures in their places, everything else as it was. `where`: what they depend on beside the
 * machine's mood. @throws DocumentError if a place is missing.
 */
export function withFigures(
  document: string,
  records: readonly GuaranteeRecord[],
  { where, quick }: { where: string; quick: boolean },
): string {
  return records.reduce((text, record) => {
    const marker = begin(record.guarantee.id);
    const from = text.indexOf(marker);
    const to = text.indexOf(END, from);
    if (from === -1 || to === -1) throw new DocumentError(`the document has no markers for ${record.guarantee.id}`);
    const figures = `${marker}\n\n${render(record, where, quick)}\n\n`;
    return text.slice(0, from) + figures + text.slice(to);
  }, document);
}

function render({ findings, tries, at, seconds }: GuaranteeRecord, where: string, quick: boolean): string {
  const rows = findings.map(({ what, reach, figure, kept }) => [what, reach, figure, kept ? 'yes' : '**no**']);
  const remarks = [
    ...(quick ? ['quick run'] : []),
    ...(tries > 1 ? ['second try: the first missed a time limit on a busy machine'] : []),
  ];
  const when = `Last run: ${at.slice(0, 16).replace('T', ' ')} UTC, ${Math.round(seconds)} s, ${where}`;
  const table = markdownTable({ columns: ['measured', 'required', 'result', 'kept'], rows });
  return `${table}\n\n${[when, ...remarks].join('; ')}.`;
}
