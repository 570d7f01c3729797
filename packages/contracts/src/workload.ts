import { z } from 'zod';
import type { Container } from './container.js';
import type { Labels } from './labels.js';
import { NAME_LENGTH_MAX } from './limits.js';
import { shortenText } from './text.js';

export const WorkloadKind = z.enum(['compose', 'swarm', 'kubernetes', 'nomad', 'plain']);
export type WorkloadKind = z.output<typeof WorkloadKind>;

/**
 * Identifies the service that a container belongs to, so that its history continues when the container is replaced.
 * `kind`, `project` and `service` stay the same after a replacement. `instance` stays the same for Compose, Swarm and
 * StatefulSets.
 *
 * - `project`: a Compose project, a Swarm stack, a Kubernetes namespace or a Nomad job.
 * - `service`: a Compose or Swarm service, or a Nomad task. For Kubernetes, the owner of the pod and the container's
 *   name (`web/nginx`). For a plain container, its name.
 * - `instance`: the copy of the service: the number of a Compose container, the slot of a Swarm task (the node's id in
 *   a global service), the part of a Kubernetes pod's name after its owner's, or the beginning of the id of a Nomad
 *   allocation.
 */
export const Workload = z.object({
  kind: WorkloadKind,
  project: z.string().nullable(),
  service: z.string().nullable(),
  instance: z.string().nullable(),
});
export type Workload = z.output<typeof Workload>;

/**
 * The kinds whose workloads belong to the whole fleet, because a copy can move to another host. The workloads of all
 * other kinds belong to one host.
 */
export const FLEET_WORKLOAD_KINDS: readonly WorkloadKind[] = ['swarm', 'kubernetes', 'nomad'];

/**
 * Returns the workload of a container, derived from its labels and its name. Each text has at most `NAME_LENGTH_MAX`
 * characters and is never empty.
 */
export function deriveWorkload({ name, labels }: Pick<Container, 'name' | 'labels'>): Workload {
  return (
    composeWorkload(name, labels) ??
    swarmWorkload(name, labels) ??
    kubernetesWorkload(labels) ??
    nomadWorkload(name, labels) ?? { kind: 'plain', project: null, service: name, instance: null }
  );
}

const labelOf = (labels: Labels, ...keys: readonly string[]): string | null => {
  for (const key of keys) if (Object.hasOwn(labels, key) && labels[key] !== '') return labels[key]!;
  return null;
};

const shorten = (text: string | null): string | null => text && shortenText(text, NAME_LENGTH_MAX);

const toWorkload = (
  kind: WorkloadKind,
  project: string | null,
  service: string | null,
  instance: string | null,
): Workload => ({ kind, project: shorten(project), service: shorten(service), instance: shorten(instance) });

function composeWorkload(name: string, labels: Labels): Workload | null {
  const project = labelOf(labels, 'com.docker.compose.project', 'io.podman.compose.project');
  if (project === null) return null;
  // `compose run` starts an additional container, which is not an instance of the service.
  const isOneOff = labelOf(labels, 'com.docker.compose.oneoff') === 'True';
  return toWorkload(
    'compose',
    project,
    labelOf(labels, 'com.docker.compose.service', 'io.podman.compose.service'),
    isOneOff ? name : labelOf(labels, 'com.docker.compose.container-number', 'io.podman.compose.container-number'),
  );
}

function swarmWorkload(name: string, labels: Labels): Workload | null {
  const serviceName = labelOf(labels, 'com.docker.swarm.service.name');
  if (serviceName === null) return null;
  const project = labelOf(labels, 'com.docker.stack.namespace');
  const hasPrefix =
    project !== null && serviceName.length > project.length + 1 && serviceName.startsWith(`${project}_`);
  // A task is named SERVICE.SLOT.TASK_ID. In a global service, the node's id takes the place of the slot.
  const taskName = name.startsWith(`${serviceName}.`) ? name : (labelOf(labels, 'com.docker.swarm.task.name') ?? '');
  const instance = taskName.startsWith(`${serviceName}.`)
    ? taskName.slice(serviceName.length + 1).split('.', 1)[0]!
    : '';
  return toWorkload(
    'swarm',
    project,
    hasPrefix ? serviceName.slice(project.length + 1) : serviceName,
    instance === '' ? null : instance,
  );
}

/** The characters of the random parts of a pod's name (apimachinery, `rand.SafeEncodeString`). */
const POD_CHARACTER = '[bcdfghjklmnpqrstvwxz2456789]';

/**
 * Patterns of pods' names, the most specific first. The patterns match the end of the name: for a Deployment, the hash
 * of the ReplicaSet and 5 random characters; for a CronJob, its scheduled minute and 5 random characters; for a
 * StatefulSet, the ordinal; for a DaemonSet, a Job or a ReplicaSet, 5 random characters.
 */
const POD_NAMES = [
  new RegExp(`^(.+)-(${POD_CHARACTER}{6,10}-${POD_CHARACTER}{5})$`),
  new RegExp(`^(.+)-(\\d{8,10}-${POD_CHARACTER}{5})$`),
  /^(.+)-(0|[1-9]\d{0,3})$/,
  new RegExp(`^(.+)-(${POD_CHARACTER}{5})$`),
] as const;

/** The maximum length of a pod's name. A longer text is not the name of a pod. */
const POD_NAME_LENGTH_MAX = 253;

/** Splits the name of a pod into the name of its owner and the rest. A pod without an owner has only its own name. */
function splitPodName(pod: string): [owner: string, rest: string | null] {
  if (pod.length > POD_NAME_LENGTH_MAX) return [pod, null];
  for (const pattern of POD_NAMES) {
    const [, owner, rest] = pattern.exec(pod) ?? [];
    if (owner !== undefined && rest !== undefined) return [owner, rest];
  }
  return [pod, null];
}

/** Reads the labels that dockershim and cri-dockerd set on each container of a pod. */
function kubernetesWorkload(labels: Labels): Workload | null {
  const pod = labelOf(labels, 'io.kubernetes.pod.name');
  const namespace = labelOf(labels, 'io.kubernetes.pod.namespace');
  if (pod === null || namespace === null) return null;
  const [owner, rest] = splitPodName(pod);
  const container = labelOf(labels, 'io.kubernetes.container.name');
  return toWorkload('kubernetes', namespace, container === null ? owner : `${owner}/${container}`, rest);
}

const ALLOCATION_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Reads the labels of Nomad's Docker driver. By default, the driver sets only the id of the allocation, and names the
 * container TASK-ALLOCATION_ID. The job is known only if `extra_labels` are configured.
 */
function nomadWorkload(name: string, labels: Labels): Workload | null {
  const allocation = labelOf(labels, 'com.hashicorp.nomad.alloc_id');
  if (allocation === null) return null;
  const isNamed = name.length > allocation.length + 1 && name.endsWith(`-${allocation}`);
  const task =
    labelOf(labels, 'com.hashicorp.nomad.task_name') ?? (isNamed ? name.slice(0, -allocation.length - 1) : name);
  return toWorkload(
    'nomad',
    labelOf(labels, 'com.hashicorp.nomad.job_name', 'com.hashicorp.nomad.job_id'),
    task,
    ALLOCATION_ID.test(allocation) ? allocation.slice(0, 8) : allocation,
  );
}

/** The name of a pod's infra container in every version of Podman, unless the pod has the option `--infra-name`. */
const INFRA_NAME = /^[0-9a-f]{12}-infra$/;

/** Images whose program only waits. From version 5.8 on, Podman's infra containers have no image. */
const PAUSE_IMAGE = /^<none>$|(^|\/)([a-z0-9]+-)*pause(-[a-z0-9]+)?(:|@|$)/;

/**
 * Returns whether a container only holds the namespaces of a pod. Podman names such a container `<pod id>-infra`, and
 * Kubernetes labels it as the pod's sandbox. In addition, the program in its image must only wait. Lists leave infra
 * containers out, so a name or a label alone must not be enough to hide a container.
 */
export const isInfraContainer = ({ name, image, labels }: Pick<Container, 'name' | 'image' | 'labels'>): boolean =>
  PAUSE_IMAGE.test(image) && (INFRA_NAME.test(name) || labelOf(labels, 'io.kubernetes.docker.type') === 'podsandbox');
