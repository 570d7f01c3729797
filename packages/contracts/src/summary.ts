import { z } from 'zod';
import type { Freshness } from './freshness.js';
import type { HostProblemCode } from './host-problems.js';

const Count = z.int().nonnegative();

/** Counts by state or health. Zero counts are omitted. */
const Counts = z.record(z.string(), Count);

/** Counts of containers. `total` is the sum of `byState`; `byHealth` counts only containers with a health check. */
export const ContainerCounts = z.object({ total: Count, byState: Counts, byHealth: Counts });
export type ContainerCounts = z.output<typeof ContainerCounts>;

/**
 * The counts by freshness. This is not a record, because the JSON Schema of a record lists its keys as required but not
 * as properties, and client generators ignore such keys.
 */
const HostCounts = {
  online: Count,
  stale: Count,
  offline: Count,
  never: Count,
  engine_down: Count,
  left: Count,
} satisfies Record<Freshness, z.ZodType>;

/** The counts by problem. A host may have several. */
const ProblemCounts = {
  engine_unreachable: Count,
  list_refused: Count,
  too_many_containers: Count,
  snapshot_refused: Count,
  truncated: Count,
  clone_suspected: Count,
  clock_skew: Count,
} satisfies Record<HostProblemCode, z.ZodType>;

/**
 * Counts of the fleet at one instant. `containers.current` counts the containers whose `hostFreshness` is `online`;
 * `lastKnown` counts all others, by the state that was last reported. Each container is counted in exactly one of the
 * two.
 */
export const Summary = z.object({
  at: z.iso.datetime(),
  hosts: z.object({
    total: Count,
    /** The number of hosts by freshness, including zeros. The sum is `total`. */
    byFreshness: z.object(HostCounts),
    /** The number of hosts with each problem, including zeros. */
    byProblem: z.object(ProblemCounts),
    /** The number of hosts whose token two machines seem to have used recently. */
    cloneSuspected: Count,
  }),
  containers: z.object({ current: ContainerCounts, lastKnown: ContainerCounts }),
});
export type Summary = z.output<typeof Summary>;
