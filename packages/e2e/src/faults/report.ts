import { markdownTable, replaceBetween, textTable } from '@muster/testkit/report';
import type { Finding } from './guarantee.js';

/** The result of a test. */
export interface GuaranteeRecord {
  id: string;
  title: string;
  findings: readonly Finding[];
  /**
   * Number of runs of the test. A test runs twice if its first run missed only time limits, because a busy machine
   * alone can cause such a miss. `findings` are from the last run.
   */
  tries: number;
  /** The time when the test started, in RFC 3339. */
  at: string;
  seconds: number;
}

const END = '<!-- end of figures -->';

/**
 * Returns the document with new figures between the markers of a guarantee. `where` describes the commit and the
 * machine.
 * @throws DocumentError if the markers are missing.
 */
export function withFigures(
  document: string,
  record: GuaranteeRecord,
  { where, quick }: { where: string; quick: boolean },
): string {
  const { id, findings, tries, at, seconds } = record;
  const rows = findings.map(({ what, required, figure, met }) => [what, required, figure, met ? 'yes' : '**no**']);
  const remarks = [`Last run: ${at.slice(0, 16).replace('T', ' ')} UTC, ${Math.round(seconds)} s, ${where}`];
  if (quick) remarks.push('quick run');
  if (tries > 1) remarks.push('second try: the first missed a time limit on a busy machine');
  const table = markdownTable({ columns: ['measured', 'required', 'result', 'met'], rows });
  const marker = `<!-- figures of ${id}, by pnpm test:faults -->`;
  return replaceBetween(document, marker, END, `${table}\n\n${remarks.join('; ')}.`);
}

/** Returns a table of all findings, and the number of guarantees that hold. */
export function renderTerminal(records: readonly GuaranteeRecord[]): string {
  const rows = records.flatMap(({ title, findings, tries }) =>
    findings.map(({ what, required, figure, met }, i) => [
      i === 0 ? `${title}${tries > 1 ? ' (2nd try)' : ''}` : '',
      ...[what, required, figure, met ? 'met' : 'NOT MET'],
    ]),
  );
  const holding = records.filter(({ findings }) => findings.every((finding) => finding.met)).length;
  const duration = records.reduce((sum, record) => sum + record.seconds, 0);
  const table = textTable({ columns: ['guarantee', 'measured', 'required', 'result', ''], rows });
  return `\n${table}\n\n${holding} of ${records.length} guarantees hold; this took ${Math.round(duration)} s\n`;
}
