import { z } from 'zod';
import { Freshness } from './freshness.js';

const Count = z.int().nonnegative();

/** Counts by word: a state or a health that no container has is left out. */
const Counts = z.record(z.string(), Count);

/** Containers, counted: `total` is the sum of `byState`; `byHealth` counts those that have a health check. */
export const ContainerCounts = z.object({ total: Count, byState: Counts, byHealth: Counts });
export type ContainerCounts = z.output<typeof ContainerCounts>;

/**
 * The fleet in numbers that add up. `containers.current` are those whose host confirmed them lately; what a host said
 * that has fallen silent since is `lastKnown`, and never counted as running now.
 */
export const Summary = z.object({
  at: z.iso.datetime(),
  hosts: z.object({
    total: Count,
    /** Every freshness, with 0 where no host has it. They add up to `total`. */
    byFreshness: z.record(Freshness, Count),
    /** Of which two machines were lately seen to use one token. */
    cloneSuspected: Count,
  }),
  containers: z.object({ current: ContainerCounts, lastKnown: ContainerCounts }),
});
export type Summary = z.output<typeof Summary>;
