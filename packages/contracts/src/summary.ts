import { z } from 'zod';
import { Freshness } from './freshness.js';
import { HostProblemCode } from './host-problems.js';

const Count = z.int().nonnegative();

/** Counts by state, health or reason of the exit. Zero counts are omitted. */
const Counts = z.record(z.string(), Count);

/**
 * Counts of containers. `total` is the sum of `byState`. `byHealth` counts only containers with a health check, and
 * `byExitReason` only present containers with a reported exit reason, including containers that could not start. Infra
 * containers, which hold the namespaces of pods, are counted only in `infra`.
 */
export const ContainerCounts = z.object({
  total: Count,
  byState: Counts,
  byHealth: Counts,
  byExitReason: Counts,
  infra: Count,
});
export type ContainerCounts = z.output<typeof ContainerCounts>;

/**
 * One count for each value. A record is not suitable here: its JSON Schema does not list the keys as properties, so
 * client generators would ignore the keys.
 */
export const countsSchema = <Value extends string>(values: readonly Value[]) =>
  z.object(Object.fromEntries(values.map((value) => [value, Count])) as Record<Value, typeof Count>);

/**
 * Counts of the fleet at one instant. `containers.current` counts the containers whose `hostFreshness` is `online`;
 * `containers.lastKnown` counts all other containers, by their last reported state.
 */
export const Summary = z.object({
  at: z.iso.datetime(),
  hosts: z.object({
    total: Count,
    /** The number of hosts by freshness, including zeros. The sum is `total`. */
    byFreshness: countsSchema(Freshness.options),
    /**
     * The number of hosts with each problem, including zeros. A host with several problems is counted under each of
     * them.
     */
    byProblem: countsSchema(HostProblemCode.options),
    /** The number of hosts whose token was recently used by two machines, as far as the API can tell. */
    cloneSuspected: Count,
  }),
  containers: z.object({ current: ContainerCounts, lastKnown: ContainerCounts }),
});
export type Summary = z.output<typeof Summary>;
