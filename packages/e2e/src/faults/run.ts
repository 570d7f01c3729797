import { readFile, writeFile } from 'node:fs/promises';
import type { CommandIo, ReportOptions } from '@muster/fleet/command-line';
import { currentCommit, describeMachine } from '@muster/testkit/report';
import { GUARANTEES, type GuaranteeId } from '../../test/faults/guarantees/index.js';
import type { CheckContext, Finding } from './guarantee.js';
import { planOf } from './plan.js';
import { renderTerminal, withFigures, type GuaranteeRecord } from './report.js';

export type FaultsOptions = ReportOptions<GuaranteeId>;

/**
 * Runs tests one after the other, prints their findings, and writes the findings into the document. Returns whether all
 * tested guarantees hold.
 * @throws PostgresMissingError, DocumentError, or any error that a test throws.
 */
export async function runFaults(options: FaultsOptions, { write, progress }: CommandIo): Promise<boolean> {
  const { only, out, quick } = options;
  const context: CheckContext = { plan: planOf(quick), progress };
  // A missing document must cause an error before the long run, not after it.
  let document = out === undefined ? undefined : await readFile(out, 'utf8');
  const { cpu, cores, node } = await describeMachine(null);
  const where = `commit ${await currentCommit()}, Node.js ${node}, ${cores} cores of ${cpu}`;
  const records: GuaranteeRecord[] = [];
  for (const id of only) {
    const record = await runOne(id, context);
    records.push(record);
    if (out === undefined || document === undefined) continue;
    // The document is written after each test, so that a later failure does not lose its findings.
    document = withFigures(document, record, { where, quick });
    await writeFile(out, document);
  }
  write(renderTerminal(records));
  if (out !== undefined) write(`\nWritten to ${out}\n`);
  return records.every(({ findings }) => findings.every(({ met }) => met));
}

async function runOne(id: GuaranteeId, context: CheckContext): Promise<GuaranteeRecord> {
  const guarantee = GUARANTEES[id];
  const at = new Date().toISOString();
  const startedAt = performance.now();
  let tries = 1;
  let findings = await guarantee.check(context);
  if (missedOnlyTimeLimits(findings)) {
    context.progress(`${id}: running once more: only time limits were exceeded, perhaps because the machine is busy`);
    tries = 2;
    findings = await guarantee.check(context);
  }
  return { id, title: guarantee.title, findings, tries, at, seconds: (performance.now() - startedAt) / 1_000 };
}

function missedOnlyTimeLimits(findings: readonly Finding[]): boolean {
  const missed = findings.filter(({ met }) => !met);
  return missed.length > 0 && missed.every(({ timed }) => timed);
}
