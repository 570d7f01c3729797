import { createHash } from 'node:crypto';
import { canonicalContainer, parseStatus, type Container, type Health } from '@muster/contracts';

/** A container as its row holds it: the ten fields in canonical order, and what is derived from them. */
export interface ContainerRow extends Container {
  health: Health | null;
  exitCode: number | null;
  /** SHA-256 of the ten fields, base64: equal digests are equal containers. */
  digest: string;
}

/** Makes the row of a container that a host sent. */
export function toContainerRow(container: Container): ContainerRow {
  const canonical = canonicalContainer(container);
  const digest = createHash('sha256').update(JSON.stringify(canonical)).digest('base64');
  return { ...canonical, ...parseStatus(canonical.status), digest };
}
