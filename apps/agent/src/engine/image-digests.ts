import type { Container } from '@muster/contracts';
import pMap from 'p-map';
import type { EngineClient } from './client.js';
import { EngineError } from './errors.js';
import type { ListedContainer } from './shapes.js';

/** Looks up the digests of images. Each image is inspected once, while a container of the image exists. */
export interface ImageDigests {
  /**
   * Adds `imageDigest` to the containers whose digest is known. `listedById` are the engine's list entries. A failed
   * inspection of an image never throws, because the digest is optional.
   */
  addTo(
    containers: readonly Container[],
    listedById: ReadonlyMap<string, ListedContainer>,
    signal: AbortSignal,
  ): Promise<void>;
  /** Makes the next call repeat inspections that were refused or failed. Call it when the engine is reachable again. */
  retry(): void;
}

/** Maximum number of concurrent inspections. */
const INSPECTIONS_MAX = 4;

/** Wait before images are inspected again after a timeout or an error of the engine, in milliseconds. */
const RETRY_MS = 600_000;

/** Creates a lookup with an empty cache. `now` returns monotonic time in milliseconds. */
export function createImageDigests(client: Pick<EngineClient, 'inspectImage'>, now: () => number): ImageDigests {
  /** The repository digests (`nginx@sha256:…`) by the image's id. The list is empty if the image no longer exists. */
  const repoDigestsById = new Map<string, readonly string[]>();
  /** No image is inspected before this time. */
  let retryAt = 0;

  async function inspect(imageId: string, signal: AbortSignal): Promise<void> {
    if (now() < retryAt) return;
    try {
      repoDigestsById.set(imageId, (await client.inspectImage(imageId, signal)) ?? []);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      // A socket proxy refuses permanently, so the inspection is not repeated while the engine stays connected.
      const isPermanent = error.failure === 'refused' && error.status! < 500;
      retryAt = isPermanent ? Number.POSITIVE_INFINITY : now() + RETRY_MS;
    }
  }

  return {
    async addTo(containers, listedById, signal) {
      const imageIds = new Set(containers.flatMap(({ imageId }) => imageId ?? []));
      for (const id of repoDigestsById.keys()) if (!imageIds.has(id)) repoDigestsById.delete(id);
      const unknownIds = [...imageIds].filter((id) => !repoDigestsById.has(id));
      await pMap(unknownIds, (id) => inspect(id, signal), { concurrency: INSPECTIONS_MAX });
      for (const container of containers) {
        const repoDigests = repoDigestsById.get(container.imageId ?? '') ?? [];
        // After a temporary failure, the digest is left out. Otherwise, the digest of the manifest would be reported
        // now, and the digest of the repository later.
        const isPending = container.imageId !== null && !repoDigestsById.has(container.imageId);
        if (isPending && retryAt !== Number.POSITIVE_INFINITY) continue;
        const digest =
          findRepoDigest(container.image, repoDigests) ??
          manifestDigest(listedById.get(container.dockerId)?.ImageManifestDescriptor ?? null);
        if (digest !== null) container.imageDigest = digest;
      }
    },
    retry: () => void (retryAt = 0),
  };
}

/**
 * Returns the digest of an image in the repository of `reference` (`nginx:1.27`). If the image has no digest in this
 * repository, returns its first digest in alphabetical order, or null if it has no digest at all.
 */
export function findRepoDigest(reference: string, repoDigests: readonly string[]): string | null {
  const repository = repositoryOf(reference);
  const sorted = repoDigests.filter((each) => each.includes('@')).sort();
  const found = sorted.find((each) => repositoryOf(each) === repository) ?? sorted[0];
  return found === undefined ? null : found.slice(found.indexOf('@') + 1);
}

/** Returns the repository of a reference, without tag and digest, and without the parts that Docker omits. */
function repositoryOf(reference: string): string {
  const [name = ''] = reference.split('@');
  // A colon before the last slash separates the registry's port.
  return name.replace(/:[^/:]*$/, '').replace(/^(docker\.io\/)?(library\/)?/, '');
}

/** Returns the digest of a manifest, followed by the manifest's platform (`sha256:… linux/arm64/v8`). */
export function manifestDigest(descriptor: ListedContainer['ImageManifestDescriptor']): string | null {
  if (descriptor === null || !/^\w+:[0-9a-f]+$/.test(descriptor.digest)) return null;
  const { os, architecture, variant } = descriptor.platform;
  const platform = [os, architecture, variant].filter((part) => /^[\w.-]+$/.test(part)).join('/');
  return platform === '' ? descriptor.digest : `${descriptor.digest} ${platform}`;
}
