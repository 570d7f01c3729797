import { z } from 'zod';
import { ContainerExit } from './container-exit.js';
import { Container, ContainerState } from './container.js';
import { Workload } from './workload.js';
import { Freshness } from './freshness.js';
import { Health } from './parse-status.js';

const Timestamp = z.iso.datetime();

/** The fields of a list item that identify its host and state how current the item is. */
export const HostFields = { hostId: z.uuid(), hostName: z.string(), hostFreshness: Freshness };

/**
 * A container as operators read it, with the state that its host last reported and the age of that state. `asOf` is the
 * time when the host last confirmed its containers, and `changedAt` the time when this container last changed.
 * `removedAt` is null while the container is present. `uptimeSeconds` is the time for which the container had been
 * running at `asOf`, or null if it was not running.
 */
export const ContainerView = z.object({
  ...Container.shape,
  state: ContainerState,
  ...HostFields,
  /** The name of the host's engine, such as `Docker` or `Podman`. */
  engineName: z.string(),
  asOf: Timestamp.nullable(),
  health: Health.nullable(),
  exitCode: z.int().nullable(),
  exit: ContainerExit.nullable(),
  oomKilled: z.boolean().nullable(),
  restartCount: z.int().nullable(),
  imageDigest: z.string().nullable(),
  workload: Workload,
  /** Whether the container only holds the namespaces of a pod. */
  isInfra: z.boolean(),
  uptimeSeconds: z.int().min(0).nullable(),
  firstSeenAt: Timestamp,
  changedAt: Timestamp,
  removedAt: Timestamp.nullable(),
});
export type ContainerView = z.output<typeof ContainerView>;
