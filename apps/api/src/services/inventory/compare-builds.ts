import { splitReference, type Drift, type ImageBuild } from '@muster/contracts';

/** The containers of an image with the same digest, or with the same image id and no digest. */
export interface BuildRow extends Pick<ImageBuild, 'imageDigest' | 'imageId' | 'containers' | 'running' | 'hosts'> {
  /** The image ids of the containers. */
  imageIds: string[];
  /**
   * Whether at least one of the containers runs on an engine that reports the digest of the repository's tag. Podman
   * may report another digest.
   */
  isTagDigest: boolean;
  /** The platforms of the hosts, such as `linux/amd64`. */
  platforms: string[];
  /**
   * The image ids that are known to be digests of the image's configuration. Each image id is prefixed with the
   * platform of its host, as in `linux/amd64 sha256:…`.
   */
  configIds: string[];
}

export interface ReportedBuilds {
  image: string;
  rows: readonly BuildRow[];
  /** Number of all rows. `rows` may contain only some of these rows. */
  rowCount: number;
  /** Pairs of image ids that one host has for the reference. */
  idsOfOneHost: readonly (readonly [string, string])[];
}

export interface ComparedBuilds {
  builds: ImageBuild[];
  buildsMin: number;
  buildsMax: number;
  drift: Drift;
}

/**
 * Matches the digest of a manifest, followed by a platform. A digest without a platform is the digest of a repository.
 */
const MANIFEST_DIGEST_PATTERN = /^(\S+) (\S+)$/;

/**
 * Determines which of the reported builds are the same, and which are known to differ (ADR 23).
 *
 * Builds that have an image id or a digest in common are the same. Different identifiers prove that two builds differ,
 * but only if the identifiers are comparable. These identifiers are comparable: repository digests of Docker, manifest
 * digests of one platform, configuration digests of one platform, and image ids on one host. A reference that contains
 * a digest, or is an image id, identifies a single build.
 */
export function compareBuilds({ image, rows, rowCount, idsOfOneHost }: ReportedBuilds): ComparedBuilds {
  const { repository, digest } = splitReference(image);
  const isOneBuild = repository === null || digest !== null;
  const groups = createDisjointSets();
  for (const row of rows) {
    const [first, ...others] = isOneBuild ? [image] : identifiersOf(row);
    groups.add(first ?? '');
    for (const other of others) groups.join(first!, other);
  }

  const numbers = new Map<string, number>();
  const builds = rows.map((row): ImageBuild => {
    const group = groups.find(isOneBuild ? image : (identifiersOf(row)[0] ?? ''));
    if (!numbers.has(group)) numbers.set(group, numbers.size + 1);
    const { imageDigest, imageId, containers, running, hosts } = row;
    const platform = platformOf(imageDigest) ?? (row.platforms.length === 1 ? row.platforms[0]! : null);
    return {
      build: numbers.get(group)!,
      imageDigest,
      imageId,
      platform: platform === '' ? null : platform,
      ...{ containers, running, hosts },
    };
  });

  // Identifiers of the same class are comparable, so each group within a class is a different build.
  const classes = new Map<string, Set<string>>();
  const compare = (comparable: string, identifier: string) => {
    const found = classes.get(comparable) ?? new Set();
    classes.set(comparable, found.add(groups.find(identifier)));
  };
  if (!isOneBuild) {
    for (const { imageDigest, isTagDigest, configIds } of rows) {
      const [, manifest, platform] = MANIFEST_DIGEST_PATTERN.exec(imageDigest ?? '') ?? [];
      if (manifest !== undefined) compare(`manifest ${platform}`, manifest);
      else if (imageDigest !== null && isTagDigest) compare('tag', imageDigest);
      for (const configId of configIds) {
        const space = configId.lastIndexOf(' ');
        compare(`config ${configId.slice(0, space)}`, configId.slice(space + 1));
      }
    }
    idsOfOneHost.forEach((ids, index) => {
      for (const id of ids) if (groups.has(id)) compare(`host ${index}`, id);
    });
  }

  const buildsMin = Math.max(Math.min(rows.length, 1), ...[...classes.values()].map(({ size }) => size));
  const buildsMax = isOneBuild ? Math.min(rows.length, 1) : numbers.size + rowCount - rows.length;
  return { builds, buildsMin, buildsMax, drift: buildsMin > 1 ? 'different' : buildsMax > 1 ? 'unknown' : 'none' };
}

const platformOf = (imageDigest: string | null): string | null =>
  MANIFEST_DIGEST_PATTERN.exec(imageDigest ?? '')?.[2] ?? null;

/**
 * Returns the texts that identify a row's build. The texts are hashes, so two builds never have the same text by
 * accident.
 */
const identifiersOf = ({ imageDigest, imageIds }: BuildRow): string[] =>
  imageDigest === null ? imageIds : [imageDigest.replace(MANIFEST_DIGEST_PATTERN, '$1'), ...imageIds];

/** Creates disjoint sets of texts. */
function createDisjointSets() {
  const parents = new Map<string, string>();
  const find = (text: string): string => {
    const parent = parents.get(text) ?? text;
    return parent === text ? text : find(parent);
  };
  const add = (text: string): void => {
    if (!parents.has(text)) parents.set(text, text);
  };
  return {
    add,
    has: (text: string) => parents.has(text),
    find,
    join(a: string, b: string): void {
      add(a);
      add(b);
      parents.set(find(a), find(b));
    },
  };
}
