import { startWorker, type WorkerOptions } from '@muster/testkit';
import type { GeneratorHandlers } from './generator.js';

/** A load generator in a separate process. */
export type LoadGenerator = ReturnType<typeof startLoad>;

export const startLoad = (options?: WorkerOptions) =>
  startWorker<GeneratorHandlers>(new URL('generator.js', import.meta.url), options);
