import type { Freshness } from './freshness.js';
import type { HostProblemCode } from './host-problems.js';

/**
 * The severity of a host without problems, by its freshness. The severity states how much attention a host needs, from
 * 0 (its agent left) and 1 (online) to 5. A host with problems has the severity of its freshness or of its worst
 * problem, whichever is higher. The problems of a host whose agent left do not count.
 */
export const FRESHNESS_SEVERITY = {
  left: 0,
  online: 1,
  never: 2,
  stale: 4,
  offline: 5,
  engine_down: 5,
} as const satisfies Record<Freshness, number>;

/**
 * The severity of each problem. With a problem of severity 5, the stored containers are not current, or belong to
 * another machine.
 */
export const PROBLEM_SEVERITY = {
  engine_unreachable: 5,
  list_refused: 5,
  too_many_containers: 5,
  snapshot_refused: 5,
  truncated: 3,
  clone_suspected: 5,
  clock_skew: 3,
} as const satisfies Record<HostProblemCode, 3 | 5>;
