import { z } from 'zod';
import type { Container } from './container.js';
import type { Labels } from './labels.js';

export const WorkloadKind = z.enum(['compose', 'swarm', 'kubernetes', 'nomad', 'plain']);
export type WorkloadKind = z.output<typeof WorkloadKind>;

/**
 * What a container is a copy of. It stays the same when the container is replaced by another one.
 *
 * - `project`: a Compose project, a Swarm stack, a Kubernetes namespace or a Nomad job.
 * - `service`: a Compose or Swarm service, the owner of a Kubernetes pod with the container's name (`web/nginx`), or a
 *   Nomad task. For a plain container, its name.
 * - `instance`: which copy of the service it is, such as the number of a Compose container or the slot of a Swarm task.
 */
export const Workload = z.object({
  kind: WorkloadKind,
  project: z.string().nullable(),
  service: z.string().nullable(),
  instance: z.string().nullable(),
});
export type Workload = z.output<typeof Workload>;

/** Returns the workload of a container, derived from its labels and its name. */
export function deriveWorkload({ name, labels }: Pick<Container, 'name' | 'labels'>): Workload {
  return (
    composeWorkload(labels) ??
    swarmWorkload(name, labels) ?? { kind: 'plain', project: null, service: name, instance: null }
  );
}

const labelOf = (labels: Labels, ...keys: readonly string[]): string | null => {
  for (const key of keys) if (Object.hasOwn(labels, key) && labels[key] !== '') return labels[key]!;
  return null;
};

function composeWorkload(labels: Labels): Workload | null {
  const project = labelOf(labels, 'com.docker.compose.project', 'io.podman.compose.project');
  if (project === null) return null;
  return {
    kind: 'compose',
    project,
    service: labelOf(labels, 'com.docker.compose.service', 'io.podman.compose.service'),
    instance: labelOf(labels, 'com.docker.compose.container-number', 'io.podman.compose.container-number'),
  };
}

function swarmWorkload(name: string, labels: Labels): Workload | null {
  const serviceName = labelOf(labels, 'com.docker.swarm.service.name');
  if (serviceName === null) return null;
  const project = labelOf(labels, 'com.docker.stack.namespace');
  const hasPrefix = project !== null && serviceName.startsWith(`${project}_`);
  // A task is named SERVICE.SLOT.TASK_ID. In a global service, the node's id takes the place of the slot.
  const instance = name.startsWith(`${serviceName}.`)
    ? (name.slice(serviceName.length + 1).split('.')[0] ?? null)
    : null;
  return { kind: 'swarm', project, service: hasPrefix ? serviceName.slice(project.length + 1) : serviceName, instance };
}

/** The name of a pod's infra container in every version of Podman, unless the pod has the option `--infra-name`. */
const INFRA_NAME = /^[0-9a-f]{12}-infra$/;

/** The images that only wait: that of Podman up to version 5.7, and those of Kubernetes' registries. */
const PAUSE_IMAGE = /^localhost\/podman-pause(:|$)|^(k8s\.gcr\.io|registry\.k8s\.io)\/pause(:|@|$)/;

/**
 * Returns whether a container only holds the namespaces of a pod. Podman names such a container `<pod id>-infra`, and
 * Kubernetes labels it as the pod's sandbox. The name suffices, because the image can be any, or none.
 */
export const isInfraContainer = ({ name, image, labels }: Pick<Container, 'name' | 'image' | 'labels'>): boolean =>
  labelOf(labels, 'io.kubernetes.docker.type') === 'podsandbox' || INFRA_NAME.test(name) || PAUSE_IMAGE.test(image);
