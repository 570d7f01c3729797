import type { BenchCluster } from './cluster.js';
import type { Plan } from './plan.js';

/** What every section is given. */
export interface Bench {
  readonly cluster: BenchCluster;
  readonly plan: Plan;
  /** A line about what is going on, for whoever waits. */
  readonly progress: (line: string) => void;
  /** Aborted when the benchmark is to end early. */
  readonly signal: AbortSignal;
}
