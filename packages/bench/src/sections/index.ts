import { runEmbedded } from './embedded.js';
import { runGrowth } from './growth.js';
import { runHttp } from './http.js';
import { runLive } from './live.js';
import { runService } from './service.js';
import { runTableGrowth } from './table-growth.js';

/** The sections of the benchmark, in the order in which they run. results.json contains their results. */
export const SECTIONS = {
  service: runService,
  http: runHttp,
  growth: runGrowth,
  live: runLive,
  'table-growth': runTableGrowth,
  embedded: runEmbedded,
};
