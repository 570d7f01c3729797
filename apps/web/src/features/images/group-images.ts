import type { ImageInUse } from '@muster/contracts';
import { splitReference } from '@muster/contracts/image-name';

/** The images of a repository. The repository is null for images without a name. */
interface Repository {
  repository: string | null;
  images: ImageInUse[];
}

/** Groups images by repository, in the order of the first image of each repository. */
export function groupImages(images: readonly ImageInUse[]): Repository[] {
  const groups = new Map<string | null, Repository>();
  for (const image of images) {
    const { repository } = splitReference(image.image);
    const group = groups.get(repository) ?? { repository, images: [] };
    groups.set(repository, group);
    group.images.push(image);
  }
  return [...groups.values()];
}

/** Shortens the hash in a digest or image id to its first 12 digits. Returns null if neither was reported. */
export const shortBuild = (text: string | null | undefined): string | null =>
  text?.replace(/^(?:sha256:)?([0-9a-f]{12})[0-9a-f]{52}/, '$1') ?? null;

/** Formats the number of builds. If some builds cannot be compared, the number may be a range. */
export function formatBuilds({ buildsMin, buildsMax, drift }: Pick<ImageInUse, 'buildsMin' | 'buildsMax' | 'drift'>) {
  if (buildsMin === buildsMax) return buildsMin === 1 ? '1 build' : `${buildsMin} builds`;
  return drift === 'unknown' ? `1 to ${buildsMax} builds` : `${buildsMin} to ${buildsMax} builds`;
}
