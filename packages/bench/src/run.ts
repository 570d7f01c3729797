/** Runs sections one after the other, each on its own PostgreSQL server, and keeps their results. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Bench } from './bench.js';
import type { BenchRequest } from './cli.js';
import { SERVER_SETTINGS, startCluster } from './cluster.js';
import { currentCommit, describeMachine } from '@muster/testkit/report';
import { planOf, type Plan } from './plan.js';
import { EMPTY_DOCUMENT, renderTables, renderTerminal, withTargets } from './report/document.js';
import { asResults, readSections, type SectionId, type SectionResults, type Sections } from './results.js';
import { runEmbedded } from './sections/embedded.js';
import { runGrowth } from './sections/growth.js';
import { runHttp } from './sections/http.js';
import { runLive } from './sections/live.js';
import { runService } from './sections/service.js';
import { runTableGrowth } from './sections/table-growth.js';

const SERVER_SECTIONS: { [Id in Exclude<SectionId, 'embedded'>]: (bench: Bench) => Promise<SectionResults[Id]> } = {
  service: runService,
  http: runHttp,
  growth: runGrowth,
  live: runLive,
  'table-growth': runTableGrowth,
};

export interface RunParts {
  /** Receives the tables. */
  write: (text: string) => void;
  /** Receives lines about the progress. */
  progress: (line: string) => void;
  /** Ends the run early and removes what it created. Results of finished sections are kept. */
  signal: AbortSignal;
}

/**
 * Runs the requested sections and prints their tables. If the request names a directory, writes the results there after
 * each section, together with the kept results of the other sections.
 * @throws VerificationError if a contender did not do its work, and PostgresMissingError, ProgramError, ResultsError,
 *   DocumentError.
 */
export async function runBench(request: BenchRequest, { write, progress, signal }: RunParts): Promise<Sections> {
  const plan = planOf(request);
  const output = request.out === null ? null : await openOutput(request.out);
  const commit = await currentCommit();
  let sections: Sections = {};
  for (const id of request.sections) {
    signal.throwIfAborted();
    const at = new Date().toISOString();
    const startedAt = performance.now();
    const { result, postgres } = await runSection(id, plan, { progress, signal });
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

async function runSection(
  id: SectionId,
  plan: Plan,
  parts: Pick<Bench, 'progress' | 'signal'>,
): Promise<{ result: SectionResults[SectionId]; postgres: string | null }> {
  if (id === 'embedded') return { result: await runEmbedded({ plan, ...parts }), postgres: null };
  const cluster = await startCluster();
  try {
    return { result: await SERVER_SECTIONS[id]({ cluster, plan, ...parts }), postgres: cluster.version };
  } finally {
    await cluster.stop();
  }
}

/** Reads the kept results and the document before the first section, so that a problem with them shows at once. */
async function openOutput(out: string) {
  const file = join(out, 'benchmarks.md');
  const resultsFile = join(out, 'benchmarks', 'results.json');
  const kept = await readSections(resultsFile);
  const document = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY_DOCUMENT;
    throw error;
  });
  withTargets(document, kept);
  return {
    file,
    async write(sections: Sections) {
      const all = { ...kept, ...sections };
      await mkdir(join(out, 'benchmarks'), { recursive: true });
      await writeFile(resultsFile, `${JSON.stringify(asResults(all), null, 2)}\n`);
      await writeFile(join(out, 'benchmarks', 'tables.md'), renderTables(all, SERVER_SETTINGS));
      await writeFile(file, withTargets(document, all));
    },
  };
}
