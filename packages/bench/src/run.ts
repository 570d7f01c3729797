/** Runs sections one after the other, each on a server of its own, and keeps what they find. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Bench } from './bench.js';
import type { BenchRequest } from './cli.js';
import { SERVER_SETTINGS, startCluster } from './cluster.js';
import { currentCommit, describeMachine } from '@muster/measure';
import { planOf, type Plan } from './plan.js';
import { renderMarkdown } from './report/markdown.js';
import { renderPlots } from './report/plots.js';
import { renderTerminal } from './report/terminal.js';
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
  /** Takes the tables. */
  write: (text: string) => void;
  /** Takes lines about what is going on. */
  progress: (line: string) => void;
  /** Ends the run early, with nothing left behind; the sections that were done are kept. */
  signal: AbortSignal;
}

/**
 * Runs the sections that are asked for and prints what they found; writes it, together with what is kept of the
 * others, where the request says so.
 * @throws VerificationError if a contender did not do its work, and PostgresMissingError, ProgramError, ResultsError.
 */
export async function runBench(request: BenchRequest, { write, progress, signal }: RunParts): Promise<Sections> {
  const plan = planOf(request);
  const resultsFile = request.out === null ? null : join(request.out, 'benchmarks', 'results.json');
  // First, so that half an hour is not spent on what then has no place.
  const kept = resultsFile === null ? {} : await readSections(resultsFile);
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
    // After each, so that what was found is kept should a later one fail or be ended.
    if (request.out !== null && resultsFile !== null) {
      await writeDocument(request.out, resultsFile, { ...kept, ...sections });
    }
  }
  write(renderTerminal(sections));
  if (request.out !== null) write(`\nWritten to ${join(request.out, 'benchmarks.md')}\n`);
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

async function writeDocument(out: string, resultsFile: string, sections: Sections): Promise<void> {
  await mkdir(join(out, 'benchmarks'), { recursive: true });
  await writeFile(resultsFile, `${JSON.stringify(asResults(sections), null, 2)}\n`);
  const plots = renderPlots(sections);
  for (const { name, svg } of plots) await writeFile(join(out, 'benchmarks', name), svg);
  await writeFile(join(out, 'benchmarks.md'), renderMarkdown(sections, plots, SERVER_SETTINGS));
}
