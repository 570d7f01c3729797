import { z } from 'zod';
import { HostFields } from './container-view.js';
import { DockerId } from './container.js';
import { ImageBuilds, ImageInUse } from './image-builds.js';
import type { Operation } from './operation.js';
import { page } from './pages.js';
import { ImageBuildsQuery, ImageQuery, PortQuery, ProjectQuery } from './queries.js';
import { WorkloadKind } from './workload.js';

const Count = z.int().nonnegative();

/** An example of `HostFields`. */
const HOST_EXAMPLE = { hostId: 'f3b0c5a2-7d1e-4b8a-9c3d-2e5f60718293', hostName: 'edge-1', hostFreshness: 'online' };

export const ImagePage = page(ImageInUse);
export type ImagePage = z.output<typeof ImagePage>;

/** A port, or a range of `count` consecutive ports, that a present container publishes on its host. */
export const PublishedPort = z
  .object({
    publicPort: z.int(),
    type: z.enum(['tcp', 'udp', 'sctp']),
    /** The host address to which the port is bound; null for all addresses. */
    ip: z.string().nullable(),
    privatePort: z.int(),
    /** The number of consecutive ports. Absent for 1. */
    count: z.int().optional(),
    ...HostFields,
    dockerId: DockerId,
    containerName: z.string(),
    image: z.string(),
    state: z.string(),
  })
  .meta({
    examples: [
      {
        publicPort: 8080,
        type: 'tcp',
        ip: '0.0.0.0',
        privatePort: 80,
        ...HOST_EXAMPLE,
        dockerId: '4c01db0b339c',
        containerName: 'shop-web-1',
        image: 'nginx:1.29',
        state: 'running',
      },
    ],
  });
export type PublishedPort = z.output<typeof PublishedPort>;

export const PortPage = page(PublishedPort);
export type PortPage = z.output<typeof PortPage>;

/**
 * A project on one host, with counts of its present containers: a Compose project, a Swarm stack, a Kubernetes
 * namespace or a Nomad job.
 */
export const Project = z
  .object({
    project: z.string(),
    ...HostFields,
    /**
     * The kind of the project. If containers of several kinds have a project of this name, this is the kind that comes
     * first alphabetically.
     */
    kind: WorkloadKind,
    services: z.array(z.string()),
    containers: Count,
    running: Count,
    unhealthy: Count,
  })
  .meta({
    examples: [
      {
        project: 'shop',
        ...HOST_EXAMPLE,
        kind: 'compose',
        services: ['db', 'web'],
        containers: 3,
        running: 3,
        unhealthy: 0,
      },
    ],
  });
export type Project = z.output<typeof Project>;

export const ProjectPage = page(Project);
export type ProjectPage = z.output<typeof ProjectPage>;

/** The operations that list what the present containers use. */
export const InventoryOperations = {
  listImages: {
    method: 'GET',
    path: '/api/images',
    tag: 'Inventory',
    access: 'viewer',
    summary: 'List images in use',
    description:
      'Returns the images of present containers, with their builds and counts of hosts and containers, sorted by ' +
      'reference. `drift` states whether hosts run different builds of the same reference.',
    query: ImageQuery,
    answers: { 200: ImagePage },
  },
  getImageBuilds: {
    method: 'GET',
    path: '/api/images/builds',
    tag: 'Inventory',
    access: 'viewer',
    summary: 'Get the builds of an image and their hosts',
    description:
      'Returns which builds of one image reference the present containers run, and the first hosts of each build by ' +
      'name. The filters `image` and `imageDigest` of `GET /api/containers` find all containers of a build. If no ' +
      'container uses the image, the counts are 0.',
    query: ImageBuildsQuery,
    answers: { 200: ImageBuilds },
  },
  listPorts: {
    method: 'GET',
    path: '/api/ports',
    tag: 'Inventory',
    access: 'viewer',
    summary: 'List published ports',
    description: 'Returns the ports that present containers publish on their hosts, sorted by host and port.',
    query: PortQuery,
    answers: { 200: PortPage },
  },
  listProjects: {
    method: 'GET',
    path: '/api/projects',
    tag: 'Inventory',
    access: 'viewer',
    summary: 'List projects',
    description:
      'Returns the projects of present containers (Compose projects, Swarm stacks, Kubernetes namespaces and Nomad ' +
      'jobs), one item per project and host, with the number of running and unhealthy containers, sorted by project ' +
      'and host.',
    query: ProjectQuery,
    answers: { 200: ProjectPage },
  },
} as const satisfies Record<string, Operation>;
