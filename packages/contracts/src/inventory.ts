import { z } from 'zod';
import { DockerId } from './container.js';
import { Freshness } from './freshness.js';

const Count = z.int().nonnegative();

/** An image reference that present containers use, with counts. */
export const ImageInUse = z.object({
  image: z.string(),
  /**
   * Number of distinct image ids of this reference in the fleet. Above 1, hosts run different builds of the same tag.
   */
  imageIds: Count,
  hosts: Count,
  containers: Count,
  running: Count,
  /** False if the image has too many containers to count all of them. In that case, each number is a lower bound. */
  isExact: z.boolean(),
});
export type ImageInUse = z.output<typeof ImageInUse>;

/** A port, or a range of `count` consecutive ports, that a present container publishes on its host. */
export const PublishedPort = z.object({
  publicPort: z.int(),
  type: z.enum(['tcp', 'udp', 'sctp']),
  /** The host address to which the port is bound; null for all addresses. */
  ip: z.string().nullable(),
  privatePort: z.int(),
  /** The number of consecutive ports. Absent for 1. */
  count: z.int().optional(),
  hostId: z.uuid(),
  hostName: z.string(),
  hostFreshness: Freshness,
  dockerId: DockerId,
  containerName: z.string(),
  image: z.string(),
  state: z.string(),
});
export type PublishedPort = z.output<typeof PublishedPort>;

/** A Compose project on one host (Docker Compose or Podman Compose), with counts of its present containers. */
export const Project = z.object({
  project: z.string(),
  hostId: z.uuid(),
  hostName: z.string(),
  hostFreshness: Freshness,
  services: z.array(z.string()),
  containers: Count,
  running: Count,
  unhealthy: Count,
});
export type Project = z.output<typeof Project>;
