import type { ContainerView } from '@muster/contracts';

/** A row of a list of containers. */
export interface ContainerRow extends ContainerView {
  /** The image of the container that replaces this one while Compose recreates it. */
  nextImage?: string;
}

/**
 * Matches the temporary name of a container that Compose creates to replace another one. Such a name consists of the
 * beginning of the other container's id and the other container's name.
 */
const TEMPORARY_NAME = /^([0-9a-f]{12})_(.+)$/;

/** Returns the parts of a container's name while Compose recreates it, or null. */
function parseTemporaryName({ name, workload, removedAt }: ContainerView): { id: string; name: string } | null {
  const [, id, rest] = (workload.kind === 'compose' && removedAt === null && TEMPORARY_NAME.exec(name)) || [];
  return id === undefined || rest === undefined ? null : { id, name: rest };
}

/**
 * Merges the two containers of a recreation by Compose into one row. Until the old container is removed, the row shows
 * the old container. After that, the row shows the new container with its final name.
 */
export function mergeRecreations(containers: readonly ContainerView[]): readonly ContainerRow[] {
  const temporary = new Map(containers.map((one) => [one, parseTemporaryName(one)]));
  if ([...temporary.values()].every((name) => name === null)) return containers;
  const nextOf = new Map<ContainerView, ContainerView>();
  const merged = new Set<ContainerView>();
  for (const [next, name] of temporary) {
    if (name === null) continue;
    const replaced = containers.find(
      ({ hostId, dockerId, removedAt }) =>
        hostId === next.hostId && removedAt === null && dockerId !== next.dockerId && dockerId.startsWith(name.id),
    );
    if (replaced === undefined) continue;
    nextOf.set(replaced, next);
    merged.add(next);
  }
  return containers.flatMap((one): ContainerRow[] => {
    if (merged.has(one)) return [];
    const next = nextOf.get(one);
    if (next !== undefined) return [{ ...one, nextImage: next.image }];
    return [{ ...one, name: temporary.get(one)?.name ?? one.name }];
  });
}
