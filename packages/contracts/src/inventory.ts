import { z } from 'zod';
import { DockerId } from './container.js';
import { Freshness } from './freshness.js';

const Count = z.int().nonnegative();

/** An image that present containers are of, by its reference. */
export const ImageInUse = z.object({
  image: z.string(),
  /** Different ids that this reference stands for across the fleet: above 1, hosts run different builds of one tag. */
  imageIds: Count,
  hosts: Count,
  containers: Count,
  running: Count,
  /** False where the image has so many containers that no more were counted: each number is then "at least". */
  isExact: z.boolean(),
});
export type ImageInUse = z.output<typeof ImageInUse>;

/** A port, or `count` consecutive ones, that a present container publishes on its host. */
export const PublishedPort = z.object({
  publicPort: z.int(),
  type: z.enum(['tcp', 'udp', 'sctp']),
  /** The host's address that it listens on; null: all of them. */
  ip: z.string().nullable(),
  privatePort: z.int(),
  /** Absent: 1. */
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

/** The present containers that Docker Compose (or Podman's) made as one project on one host. */
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
