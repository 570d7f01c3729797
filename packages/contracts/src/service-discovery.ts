import { z } from 'zod';

/**
 * The hosts as targets of Prometheus's HTTP service discovery: one entry per host. The names of all labels begin with
 * `__meta_muster_host_`, so Prometheus drops each label that no relabeling rule uses.
 */
export const ServiceDiscoveryTargets = z.array(
  z.object({ targets: z.array(z.string()), labels: z.record(z.string(), z.string()) }),
);
export type ServiceDiscoveryTargets = z.output<typeof ServiceDiscoveryTargets>;
