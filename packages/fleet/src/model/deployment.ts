/**
 * The names and labels that orchestrators give to containers. The workload is chosen at random, and the name and labels
 * follow from it.
 */
import type { Labels, Workload, WorkloadKind } from '@muster/contracts';
import { randomHex, type Random } from '@muster/testkit/random';

/** The name and the labels of one container, and the workload that Muster must derive from them. */
export interface Deployment {
  name: string;
  labels: Labels;
  workload: Workload;
}

/** A service, whose containers have the same orchestrator. */
export interface Service {
  kind: WorkloadKind;
  project: string;
  name: string;
  /** The number of a Compose container. */
  number: string;
  /** Whether the containers are the infra containers of Kubernetes' pods. */
  isInfra: boolean;
}

/** The characters of the random parts of pods' names. */
const POD_CHARACTERS = 'bcdfghjklmnpqrstvwxz2456789';

const randomText = (random: Random, length: number): string =>
  Array.from({ length }, () => POD_CHARACTERS[Math.floor(random() * POD_CHARACTERS.length)]).join('');

/** Deploys a service's next container, which replaces `before`. */
export function deploy(
  { kind, project, name, number, isInfra }: Service,
  random: Random,
  before?: Deployment,
): Deployment {
  const container = (instance: string | null, containerName: string, labels: Labels, service = name): Deployment => ({
    name: containerName,
    labels,
    workload: { kind, project: kind === 'plain' ? null : project, service, instance },
  });
  switch (kind) {
    case 'compose':
      return container(number, `${project}-${name}-${number}`, {
        'com.docker.compose.container-number': number,
        'com.docker.compose.project': project,
        'com.docker.compose.service': name,
      });
    case 'swarm': {
      const slot = before?.workload.instance ?? String(1 + Math.floor(random() * 50));
      const task = `${project}_${name}.${slot}.${randomText(random, 25)}`;
      return container(slot, task, {
        'com.docker.stack.namespace': project,
        'com.docker.swarm.service.name': `${project}_${name}`,
        'com.docker.swarm.task.name': task,
      });
    }
    case 'kubernetes': {
      // Services with an even number are StatefulSets, whose pods keep their names.
      const instance = Number(number) % 2 === 0 ? '0' : `${randomText(random, 9)}-${randomText(random, 5)}`;
      const [pod, part] = [`${name}-${instance}`, isInfra ? 'POD' : 'main'];
      const labels = {
        'io.kubernetes.container.name': part,
        'io.kubernetes.docker.type': isInfra ? 'podsandbox' : 'container',
        'io.kubernetes.pod.name': pod,
        'io.kubernetes.pod.namespace': project,
      };
      return container(instance, `k8s_${part}_${pod}_${project}_${randomHex(random, 8)}_0`, labels, `${name}/${part}`);
    }
    case 'nomad': {
      const hex = randomHex(random, 32);
      const allocation = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
      return container(hex.slice(0, 8), `${name}-${allocation}`, {
        'com.hashicorp.nomad.alloc_id': allocation,
        'com.hashicorp.nomad.job_name': project,
      });
    }
    case 'plain':
      return container(null, `${name}-${number}`, {}, `${name}-${number}`);
  }
}
