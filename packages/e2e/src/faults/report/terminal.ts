import { textTable } from '@muster/testkit/report';
import type { GuaranteeRecord } from './record.js';

/** Every finding in one table, and last how many promises are kept. */
export function renderTerminal(records: readonly GuaranteeRecord[]): string {
  const rows = records.flatMap(({ guarantee, findings, tries }) =>
    findings.map(({ what, reach, figure, kept }, i) => [
      i === 0 ? `${guarantee.title}${tries > 1 ? ' (2nd try)' : ''}` : '',
      ...[what, reach, figure, kept ? 'kept' : 'NOT KEPT'],
    ]),
  );
  const kept = records.filter(({ findings }) => findings.every((finding) => finding.kept)).length;
  const seconds = records.reduce((sum, record) => sum + record.seconds, 0);
  const table = textTable({ columns: ['promise', 'measured', 'required', 'result', ''], rows });
  return `\n${table}\n\n${kept} of ${records.length} promises kept, in ${Math.round(seconds)} s\n`;
}
