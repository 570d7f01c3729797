import { hash } from 'node:crypto';
import { comparePorts, parseStatus, type Container, type Health, type Labels, type Port } from '@muster/contracts';

/** A container with what its status text says. */
export interface ContainerFacts extends Container {
  health: Health | null;
  exitCode: number | null;
}

/** A container as its row holds it: the ten fields, and what is derived from them. */
export interface ContainerRow extends ContainerFacts {
  /** SHA-256 of the ten fields, base64: equal digests are equal containers, in whatever order their labels stand. */
  digest: string;
}

export const toContainerFacts = (container: Container): ContainerFacts => ({
  ...container,
  ...parseStatus(container.status),
});

/** Makes the row of a container that a host sent. */
export const toContainerRow = (container: Container): ContainerRow => ({
  ...toContainerFacts(container),
  digest: digestOf(container),
});

/** Of arrays only, labels and ports sorted: several times cheaper to write than objects in canonical order. */
function digestOf(container: Container): string {
  const { dockerId, name, image, imageId, command, state, status, startedAt } = container;
  const fields = [dockerId, name, image, imageId, command, state, status, startedAt];
  return hash(
    'sha256',
    JSON.stringify([fields, portsInOrder(container.ports), labelsInOrder(container.labels)]),
    'base64',
  );
}

const portsInOrder = (ports: readonly Port[]) =>
  (ports.length > 1 ? ports.toSorted(comparePorts) : ports).map(({ ip = null, privatePort, publicPort = 0, type }) => [
    ...[ip, privatePort, publicPort, type],
  ]);

function labelsInOrder(labels: Labels): string[] {
  const keys = Object.keys(labels).sort();
  return [...keys, ...keys.map((key) => labels[key]!)];
}
