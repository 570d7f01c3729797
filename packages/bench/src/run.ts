/** Runs sections one after the other, each on its own PostgreSQL server, and saves their results. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { CommandIo, ReportOptions } from '@muster/fleet/command-line';
import { currentCommit, describeMachine } from '@muster/testkit/report';
import { SERVER_SETTINGS, startCluster } from './cluster.js';
import { planOf, type Bench } from './plan.js';
import { EMPTY_DOCUMENT, renderTables, renderTerminal, withTargets } from './report/document.js';
import { formatResults, readSections, SECTIONS, type SectionId, type Sections } from './results.js';

export interface BenchOptions extends ReportOptions<SectionId> {
  /** Default: the number of rounds in the plan. */
  rounds?: number;
}

/**
 * Runs the sections and prints their tables. If the options contain a directory, writes the results into it after each
 * section, together with the previous results of other sections.
 * @throws VerificationError if a contender did not do its work.
 * @throws PostgresMissingError | ProgramError | ApiError | ResultsError | DocumentError
 */
export async function runBench(options: BenchOptions, io: Pick<CommandIo, 'write' | 'progress'>): Promise<Sections> {
  const { write, progress } = io;
  const plan = planOf(options);
  const output = options.out === undefined ? null : await openOutput(options.out);
  const commit = await currentCommit();
  let sections: Sections = {};
  for (const id of options.only) {
    const at = new Date().toISOString();
    const startedAt = performance.now();
    const { result, postgres } = await runSection(id, { plan, progress });
    const machine = await describeMachine(postgres);
    const seconds = (performance.now() - startedAt) / 1_000;
    const record = { at, commit, machine, quick: plan.quick, rounds: plan.rounds, seconds, result };
    sections = { ...sections, [id]: record };
    await output?.write(sections);
  }
  write(renderTerminal(sections));
  if (output !== null) write(`\nWritten to ${output.file}\n`);
  return sections;
}

/**
 * Returns the section's result and the version of its PostgreSQL server. The version is null if the section uses no
 * server.
 */
async function runSection(id: SectionId, parts: Omit<Bench, 'cluster'>) {
  if (id === 'embedded') return { result: await SECTIONS[id](parts), postgres: null };
  const cluster = await startCluster();
  try {
    return { result: await SECTIONS[id]({ ...parts, cluster }), postgres: cluster.version };
  } finally {
    await cluster.stop();
  }
}

/**
 * Reads the previous results and the document. Called before the first section, so that an invalid file fails the run
 * immediately.
 */
async function openOutput(out: string) {
  const directory = join(out, 'benchmarks');
  const file = `${directory}.md`;
  const resultsFile = join(directory, 'results.json');
  const previous = await readSections(resultsFile);
  const document = existsSync(file) ? await readFile(file, 'utf8') : EMPTY_DOCUMENT;
  withTargets(document, previous);
  return {
    file,
    async write(sections: Sections) {
      const all = { ...previous, ...sections };
      await mkdir(directory, { recursive: true });
      await writeFile(resultsFile, formatResults(all));
      await writeFile(join(directory, 'tables.md'), renderTables(all, SERVER_SETTINGS));
      await writeFile(file, withTargets(document, all));
    },
  };
}
