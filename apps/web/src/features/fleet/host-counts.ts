import type { Freshness, HostProblemCode, Summary } from '@muster/contracts';
import { FRESHNESS } from '../../lib/container-status';
import { PROBLEM_TITLES } from '../../lib/format-problem';

/** A number of hosts, and the filter of the hosts page that finds exactly these hosts. */
export interface HostCount {
  key: string;
  count: number;
  freshness?: Freshness;
  problem?: HostProblemCode;
}

/**
 * Returns the numbers of hosts that the fleet page shows: one for each freshness and one for each problem that at least
 * one host has. A host with the problem `engine_unreachable` usually also has the freshness `engine_down`. The problem
 * is therefore shown only if the two numbers differ.
 */
export function hostCounts({
  byFreshness,
  byProblem,
}: Pick<Summary['hosts'], 'byFreshness' | 'byProblem'>): HostCount[] {
  const freshnessCounts = (Object.keys(FRESHNESS) as Freshness[]).map((freshness) => ({
    key: freshness,
    count: byFreshness[freshness],
    freshness,
  }));
  const problemCounts = (Object.keys(PROBLEM_TITLES) as HostProblemCode[])
    .filter((problem) => problem !== 'engine_unreachable' || byProblem[problem] !== byFreshness.engine_down)
    .map((problem) => ({ key: problem, count: byProblem[problem], problem }));
  return [...freshnessCounts, ...problemCounts].filter(({ count }) => count > 0);
}
