import { FLEET_WORKLOAD_KINDS, type Project } from '@muster/contracts';
import { isCurrent } from '../../lib/container-status';
import { formatCount } from '../../lib/format-count';

/** A project in the list of groups: on one host, or on all hosts of an orchestrator. */
export interface ProjectGroup {
  key: string;
  project: string;
  services: readonly string[];
  /** The host, or the number of hosts if there are several. */
  where: { id: string; name: string } | string;
  containers: number;
  running: number;
  /** Whether all counts are current. */
  isDataCurrent: boolean;
  /** The hosts of the group; undefined for all hosts. */
  hostId: string[] | undefined;
}

/**
 * Returns one group for each project. A project of an orchestrator has one group for all its hosts, and any other
 * project has one group for each host.
 */
export function mergeProjects(projects: readonly Project[]): ProjectGroup[] {
  const groups = new Map<string, Project[]>();
  for (const item of projects) {
    const key = FLEET_WORKLOAD_KINDS.includes(item.kind)
      ? `${item.kind} ${item.project}`
      : `${item.hostId} ${item.project}`;
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  // If a Compose project has the same name, the group filters by host. Otherwise, the group would also find the
  // containers of the Compose project.
  const composed = new Set(
    projects.flatMap(({ kind, project }) => (FLEET_WORKLOAD_KINDS.includes(kind) ? [] : project)),
  );
  return [...groups].map(([key, items]) => {
    const [first] = items;
    const { project, kind, hostId, hostName } = first!;
    const isOfFleet = FLEET_WORKLOAD_KINDS.includes(kind);
    return {
      key,
      project,
      services: [...new Set(items.flatMap(({ services }) => services))].sort(),
      where: items.length === 1 ? { id: hostId, name: hostName } : formatCount(items.length, 'host'),
      containers: items.reduce((sum, { containers }) => sum + containers, 0),
      running: items.reduce((sum, { running }) => sum + running, 0),
      isDataCurrent: items.every(({ hostFreshness }) => isCurrent(hostFreshness)),
      hostId:
        isOfFleet && !composed.has(project) ? undefined : items.slice(0, FILTER_HOSTS_MAX).map(({ hostId }) => hostId),
    };
  });
}

/** Maximum number of hosts in a filter. */
const FILTER_HOSTS_MAX = 50;
