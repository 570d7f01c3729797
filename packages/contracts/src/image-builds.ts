import { z } from 'zod';
import { HostFields } from './container-view.js';

const Count = z.int().nonnegative();

/** Maximum number of entries in `builds` of an image in a list. */
export const LISTED_BUILDS_MAX = 10;

/** Maximum number of entries in `builds` of a single image. */
export const BUILDS_MAX = 50;

/** Maximum number of hosts that are listed for each build. */
export const BUILD_HOSTS_MAX = 50;

/**
 * Whether containers with the same image reference run different builds.
 *
 * - `different`: at least two builds are known to differ.
 * - `unknown`: hosts report several digests or image ids, and these do not show whether the builds differ.
 * - `none`: all containers run the same build, or the reference itself names one build.
 */
export const Drift = z.enum(['none', 'different', 'unknown']);
export type Drift = z.output<typeof Drift>;

const BUILD_EXAMPLE = {
  build: 1,
  imageDigest: 'sha256:0e9f0ba40fbd3e2a4b0d4ccf1bbd0a2f4a4b0d4ccf1bbd0a2f4a4b0d4ccf1bbd',
  imageId: null,
  platform: 'linux/amd64',
  containers: 2,
  running: 1,
  hosts: 1,
};
const IMAGE_EXAMPLE = {
  image: 'nginx:1.29',
  repository: 'nginx',
  tag: '1.29',
  digest: null,
  imageIds: 1,
  hosts: 1,
  containers: 2,
  running: 1,
  drift: 'none',
  buildsMin: 1,
  buildsMax: 1,
  builds: [BUILD_EXAMPLE],
  hasMoreBuilds: false,
  isExact: true,
};
const HOST_EXAMPLE = {
  hostId: 'f3b0c5a2-7d1e-4b8a-9c3d-2e5f60718293',
  hostName: 'edge-1',
  hostFreshness: 'online',
  containers: 2,
  running: 1,
};

/**
 * The containers with one image reference that also report the same build. The build is identified by `imageDigest`, or
 * by `imageId` if they report no digest. Containers that report neither form one entry. For every other entry, the
 * filters `image` and `imageDigest` of the container list find exactly its containers.
 */
export const ImageBuild = z
  .object({
    /**
     * The number of the build, from 1. Entries with the same number are the same build, reported by hosts in different
     * ways. Entries with different numbers may also be the same build.
     */
    build: z.int().positive(),
    imageDigest: z.string().nullable(),
    /** The image's id, if the containers report no digest. Null if the containers report neither a digest nor an id. */
    imageId: z.string().nullable(),
    /**
     * The platform, for example `linux/amd64`, as stated by the digest. If the digest states no platform, the platform
     * that all hosts of the build have in common. Null if the platforms of the hosts differ.
     */
    platform: z.string().nullable(),
    containers: Count,
    running: Count,
    hosts: Count,
  })
  .meta({
    examples: [BUILD_EXAMPLE],
  });
export type ImageBuild = z.output<typeof ImageBuild>;

/** An image reference that present containers use, with counts. */
export const ImageInUse = z
  .object({
    image: z.string(),
    /** The name without tag and digest; null if the image has no name. */
    repository: z.string().nullable(),
    tag: z.string().nullable(),
    /** The digest in the reference itself, as in `nginx@sha256:…`. */
    digest: z.string().nullable(),
    /**
     * Number of distinct image ids of this reference in the fleet. It does not show whether builds differ, because one
     * build has different ids on different platforms and in different image stores. See `drift` instead.
     */
    imageIds: Count,
    hosts: Count,
    containers: Count,
    running: Count,
    drift: Drift,
    /**
     * The lowest and the highest possible number of different builds. The two numbers differ if some builds cannot be
     * compared.
     */
    buildsMin: Count,
    buildsMax: Count,
    /** The builds with the most containers. */
    builds: z.array(ImageBuild),
    /** Whether there are more entries than `builds` lists. */
    hasMoreBuilds: z.boolean(),
    /** False if the image has too many containers to count all of them. In that case, each number is a lower bound. */
    isExact: z.boolean(),
  })
  .meta({ examples: [IMAGE_EXAMPLE] });
export type ImageInUse = z.output<typeof ImageInUse>;

/** A host that runs a build, with the numbers of its containers that run the build. */
const BuildHost = z.object({ ...HostFields, containers: Count, running: Count });

/** The builds of one image reference, each with its first hosts by name. */
export const ImageBuilds = z
  .object({
    ...ImageInUse.shape,
    builds: z.array(
      z.object({
        ...ImageBuild.shape,
        /** The first hosts by name, at most `BUILD_HOSTS_MAX`. `hosts` is the number of all hosts. */
        hostList: z.array(BuildHost),
      }),
    ),
  })
  .meta({ examples: [{ ...IMAGE_EXAMPLE, builds: [{ ...BUILD_EXAMPLE, hostList: [HOST_EXAMPLE] }] }] });
export type ImageBuilds = z.output<typeof ImageBuilds>;
