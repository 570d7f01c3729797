import { z } from 'zod';
import { Freshness } from './freshness.js';
import { ContainerCounts, countsSchema } from './summary.js';

/** The hosts that have the same value of a label, and their containers, counted as in the summary. */
export const HostGroup = z.object({
  /** The value of the label; null for the hosts without the label. */
  value: z.string().nullable(),
  hosts: z.object({
    total: z.int().positive(),
    /** The number of hosts by freshness, including zeros. */
    byFreshness: countsSchema(Freshness.options),
  }),
  /** The containers on hosts whose containers are current, and the containers on all other hosts. */
  containers: z.object({ current: ContainerCounts, lastKnown: ContainerCounts }),
});
export type HostGroup = z.output<typeof HostGroup>;

/**
 * Hosts grouped by the value of one label, sorted by value, with the hosts without the label last. Contains at most
 * `HOST_GROUPS_MAX` groups, those with the most hosts. The hosts of all other groups are counted together in `other`.
 */
export const HostGroups = z.object({
  by: z.string(),
  groups: z.array(HostGroup),
  other: HostGroup.omit({ value: true }).nullable(),
});
export type HostGroups = z.output<typeof HostGroups>;
