/** What a benchmark found, as it is kept beside its document: each section with when, where and of what it was taken. */
import { readFile } from 'node:fs/promises';
import type { Machine } from '@muster/testkit/report';
import type { EmbeddedResult } from './sections/embedded.js';
import type { GrowthResult } from './sections/growth.js';
import type { HttpResult } from './sections/http.js';
import type { LiveResult } from './sections/live.js';
import type { ServiceResult } from './sections/service.js';
import type { TableGrowthResult } from './sections/table-growth.js';

export const SECTION_IDS = ['service', 'http', 'growth', 'live', 'table-growth', 'embedded'] as const;
export type SectionId = (typeof SECTION_IDS)[number];

export interface SectionResults {
  service: ServiceResult;
  http: HttpResult;
  growth: GrowthResult;
  live: LiveResult;
  'table-growth': TableGrowthResult;
  embedded: EmbeddedResult;
}

/** One section as it was last run. */
export interface SectionRecord<T> {
  /** RFC 3339. */
  at: string;
  /** Of the code that was measured; with a `+` where files had been changed since. */
  commit: string;
  machine: Machine;
  quick: boolean;
  rounds: number;
  seconds: number;
  result: T;
}

export type Sections = { [Id in SectionId]?: SectionRecord<SectionResults[Id]> };

export interface Results {
  format: typeof FORMAT;
  sections: Sections;
}

/** To be raised when what is kept no longer means the same. */
const FORMAT = 1;

/** Results that are kept, in another form or in none. */
export class ResultsError extends Error {}

export const asResults = (sections: Sections): Results => ({ format: FORMAT, sections });

/** The sections kept in a file; none if there is no file. @throws ResultsError if it is not one of this version's. */
export async function readSections(file: string): Promise<Sections> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  let results: Partial<Results>;
  try {
    results = JSON.parse(text) as Partial<Results>;
  } catch {
    throw new ResultsError(`${file} is not JSON; remove it and run every section`);
  }
  if (results.format !== FORMAT || results.sections === undefined) {
    throw new ResultsError(`${file} is of another version; remove it and run every section`);
  }
  return results.sections;
}
