import { readFile, writeFile } from 'node:fs/promises';
import { currentCommit, describeMachine } from '@muster/testkit/report';
import type { FaultsRequest } from './cli.js';
import type { Finding, Guarantee, Rig } from './guarantee.js';
import { GUARANTEES } from '../../test/faults/guarantees/index.js';
import { planOf } from './plan.js';
import { withFigures } from './report/document.js';
import type { GuaranteeRecord } from './report/record.js';
import { renderTerminal } from './report/terminal.js';

export interface RunParts {
  /** Takes the table. */
  write: (text: string) => void;
  progress: (line: string) => void;
}

/**
 * Runs the tests that are asked for, one after the other, prints what they found and writes it where the request says.
 * False if any promise is not kept.
 * @throws what a test throws that cannot be run at all, PostgresMissingError among them.
 */
export async function runFaults(request: FaultsRequest, { write, progress }: RunParts): Promise<boolean> {
  const rig: Rig = { plan: planOf(request), progress };
  // First, so that a quarter of an hour is not spent on what then has no place.
  let document = request.out === null ? null : await readFile(request.out, 'utf8');
  const commit = await currentCommit();
  const { cpu, cores, node } = await describeMachine(null);
  const where = `commit ${commit}, Node.js ${node}, ${cores} cores of ${cpu}`;
  const records: GuaranteeRecord[] = [];
  for (const id of request.only) {
    const record = await runOne(GUARANTEES[id], rig);
    records.push(record);
    if (request.out === null || document === null) continue;
    // After each, so that what was found is kept should a later one not end.
    document = withFigures(document, [record], { where, quick: request.quick });
    await writeFile(request.out, document);
  }
  write(renderTerminal(records));
  if (request.out !== null) write(`\nWritten to ${request.out}\n`);
  return records.every(({ findings }) => findings.every(({ kept }) => kept));
}

async function runOne(guarantee: Guarantee, rig: Rig): Promise<GuaranteeRecord> {
  const at = new Date().toISOString();
  const startedAt = performance.now();
  let tries = 1;
  let findings = await guarantee.check(rig);
  if (isSpoiltByTime(findings)) {
    rig.progress(`${guarantee.id}: trying again: only time limits were missed, and the machine may be busy`);
    tries = 2;
    findings = await guarantee.check(rig);
  }
  return { guarantee, findings, tries, at, seconds: (performance.now() - startedAt) / 1_000 };
}

/** Whether something is not kept, and nothing but what a busy machine can spoil. */
function isSpoiltByTime(findings: readonly Finding[]): boolean {
  const broken = findings.filter(({ kept }) => !kept);
  return broken.length > 0 && broken.every(({ timed }) => timed);
}
