import { FLEET_WORKLOAD_KINDS, type Labels, type Workload, type WorkloadKind } from '@muster/contracts';
import { parseChoice, parseFirst } from '../../lib/search-params';

const KINDS: readonly WorkloadKind[] = ['compose', 'swarm', 'kubernetes', 'nomad', 'plain'];

/**
 * The query parameters of a workload's page: a service, or one instance of it. They stay the same when a container is
 * replaced. `hostId` is missing if the workload can move to another host. `swarmServiceId` separates the clusters that
 * have stacks with the same names.
 */
export interface WorkloadSearch {
  kind?: WorkloadKind | undefined;
  hostId?: string | undefined;
  project?: string | undefined;
  service?: string | undefined;
  instance?: string | undefined;
  swarmServiceId?: string | undefined;
}

export const parseWorkloadSearch = (search: Record<string, unknown>): WorkloadSearch => ({
  kind: parseChoice(KINDS, search['kind']),
  hostId: parseFirst(search['hostId']),
  project: parseFirst(search['project']),
  service: parseFirst(search['service']),
  instance: parseFirst(search['instance']),
  swarmServiceId: parseFirst(search['swarmServiceId']),
});

const SWARM_SERVICE_ID = 'com.docker.swarm.service.id';

/** Returns the id of a Swarm task's service. Each cluster has other ids. */
export const swarmServiceIdOf = ({ kind }: Workload, labels: Labels): string | undefined =>
  kind === 'swarm' && Object.hasOwn(labels, SWARM_SERVICE_ID) ? labels[SWARM_SERVICE_ID] : undefined;

/**
 * Returns whether a copy of the service keeps its instance when it is replaced. This is the case for numbered
 * containers and tasks, and for pods of a StatefulSet. Other pods and allocations get a new instance.
 */
const keepsInstance = ({ kind, instance }: Workload): boolean =>
  kind === 'compose' || kind === 'swarm' || (kind === 'kubernetes' && /^\d{1,4}$/.test(instance ?? ''));

/**
 * Returns the parameters of the page of a container's workload, with the instance if a replacement keeps it. Returns
 * null for a container of a project that belongs to no service.
 */
export function workloadSearch(hostId: string, workload: Workload, labels: Labels = {}): WorkloadSearch | null {
  const { kind, project, service, instance } = workload;
  if (service === null) return null;
  const swarmServiceId = swarmServiceIdOf(workload, labels);
  return {
    kind,
    ...(FLEET_WORKLOAD_KINDS.includes(kind) ? {} : { hostId }),
    ...(project === null ? {} : { project }),
    service,
    ...(instance !== null && keepsInstance(workload) ? { instance } : {}),
    ...(swarmServiceId === undefined ? {} : { swarmServiceId }),
  };
}

const listOf = (value: string | undefined): string[] | undefined => (value === undefined ? undefined : [value]);

/** Returns the API's filters for the events of a workload. */
export const workloadEventFilters = ({ hostId, project, service, instance }: WorkloadSearch) => ({
  hostId: listOf(hostId),
  project: listOf(project),
  service: listOf(service),
  instance: listOf(instance),
});

/** Returns the API's filters for the containers of a workload. */
export const workloadFilters = ({ swarmServiceId, ...search }: WorkloadSearch) => ({
  ...workloadEventFilters(search),
  label: listOf(swarmServiceId && `${SWARM_SERVICE_ID}=${swarmServiceId}`),
});

/** Returns whether the parameters identify this workload. The check is needed because the API cannot filter by kind. */
export const isOfWorkload = (search: WorkloadSearch, { kind, project }: Workload): boolean =>
  (search.kind === undefined || search.kind === kind) && (search.project ?? null) === project;

/** Returns the title of a workload: `project/service`, or only its service. */
export const workloadTitle = ({ project, service = '' }: WorkloadSearch): string =>
  project === undefined ? service : `${project}/${service}`;
