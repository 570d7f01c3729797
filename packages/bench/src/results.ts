/** The benchmark results that are stored in docs/benchmarks/results.json. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Machine } from '@muster/testkit/report';
import { runEmbedded } from './sections/embedded.js';
import { runGrowth } from './sections/growth.js';
import { runHttp } from './sections/http.js';
import { runLive } from './sections/live.js';
import { runService } from './sections/service.js';
import { runTableGrowth } from './sections/table-growth.js';

/** The sections of the benchmark, in the order in which they run. */
export const SECTIONS = {
  service: runService,
  http: runHttp,
  growth: runGrowth,
  live: runLive,
  'table-growth': runTableGrowth,
  embedded: runEmbedded,
};

export type SectionId = keyof typeof SECTIONS;
export type SectionResults = { [Id in SectionId]: Awaited<ReturnType<(typeof SECTIONS)[Id]>> };

export const SECTION_IDS = Object.keys(SECTIONS) as readonly SectionId[];

/** The last run of a section. */
export interface SectionRecord<Result> {
  /** The time when the section started, in RFC 3339. */
  at: string;
  /** The measured commit. A `+` at the end means that files differed from this commit. */
  commit: string;
  machine: Machine;
  quick: boolean;
  rounds: number;
  seconds: number;
  result: Result;
}

export type Sections = { [Id in SectionId]?: SectionRecord<SectionResults[Id]> };

/** The version of the results file. Increase it when a field changes its meaning. */
const FORMAT = 1;

/** Thrown if the results file is not JSON or has another version. */
export class ResultsError extends Error {}

export const formatResults = (sections: Sections): string =>
  `${JSON.stringify({ format: FORMAT, sections }, null, 2)}\n`;

/** Returns the sections in a results file. Returns no sections if the file does not exist. @throws ResultsError */
export async function readSections(file: string): Promise<Sections> {
  if (!existsSync(file)) return {};
  const text = await readFile(file, 'utf8');
  let results: { format?: number; sections?: Sections };
  try {
    results = JSON.parse(text) as typeof results;
  } catch {
    throw new ResultsError(`${file} is not valid JSON: delete it and run all sections`);
  }
  if (results.format === FORMAT && results.sections !== undefined) return results.sections;
  throw new ResultsError(`${file} was written by another version: delete it and run all sections`);
}
