import type { WorkloadKind } from '@muster/contracts';

/** The term for a project, by the kind of its workloads. */
export const PROJECT_TERMS: Readonly<Record<Exclude<WorkloadKind, 'plain'>, string>> = {
  compose: 'Compose project',
  swarm: 'Swarm stack',
  kubernetes: 'Namespace',
  nomad: 'Nomad job',
};

/** The term for a workload, by its kind. */
export const WORKLOAD_TERMS: Readonly<Record<WorkloadKind, string>> = {
  compose: 'Compose service',
  swarm: 'Swarm service',
  kubernetes: 'Kubernetes workload',
  nomad: 'Nomad task',
  plain: 'Container',
};
