import type { WorkloadKind } from '@muster/contracts';

/** What a project is called, by the kind of its workloads. */
export const PROJECT_TERMS: Readonly<Record<Exclude<WorkloadKind, 'plain'>, string>> = {
  compose: 'Compose project',
  swarm: 'Swarm stack',
  kubernetes: 'Namespace',
  nomad: 'Nomad job',
};

/** What a workload is called, by its kind. */
export const WORKLOAD_TERMS: Readonly<Record<WorkloadKind, string>> = {
  compose: 'Compose service',
  swarm: 'Swarm service',
  kubernetes: 'Kubernetes workload',
  nomad: 'Nomad task',
  plain: 'Container',
};
