import type { GeneratorHandlers } from './generator.js';
import { startWorker, type Worker, type WorkerOptions } from './worker.js';

/** A load generator in a process of its own. */
export type LoadGenerator = Worker<GeneratorHandlers>;

export const startLoad = (options?: WorkerOptions): LoadGenerator =>
  startWorker<GeneratorHandlers>(new URL('generator.js', import.meta.url), options);
