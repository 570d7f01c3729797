import {
  LISTED_BUILDS_MAX,
  splitReference,
  type ImageBuild,
  type ImageBuilds,
  type ImageBuildsQuery,
  type ImageInUse,
  type ImageQuery,
  type Page,
} from '@muster/contracts';
import type { Database } from '@muster/db';
import { decodeCursor, encodeCursor } from '../../lib/cursor.js';
import { containersFreshness, type FreshnessSource } from '../freshness/index.js';
import { compareBuilds } from './compare-builds.js';
import { textBeginning } from './container-columns.sql.js';
import { findFewHostsWithLabels } from './host-labels.sql.js';
import {
  allHosts,
  hostsById,
  labeledHosts,
  readImageBuilds,
  type BuildHostRow,
  type ImageRow,
} from './image-builds.sql.js';
import { readImagesOfHosts, scanImages } from './scan-images.sql.js';

/** Limits on the work done for one page of images. See `ImageScanLimits`. */
export interface ImageListLimits {
  rowsMax?: number;
  rowsOfImageMax?: number;
  stepsMax?: number;
  /** Maximum number of images visited before an empty page is returned. */
  emptyPageStepsMax?: number;
}

/** Maximum number of containers that are counted for one image. */
const ROWS_OF_IMAGE_MAX = 25_000;

/**
 * Lists the images of an organization's present containers, ordered by reference. A page may have fewer than `limit`
 * items, even none, without being the last page. Only a null `nextCursor` marks the end.
 */
export async function listImages(
  db: Database,
  organizationId: string,
  { q, hostLabel, limit, cursor }: ImageQuery,
  {
    rowsMax = 20_000,
    rowsOfImageMax = ROWS_OF_IMAGE_MAX,
    stepsMax = 2_500,
    emptyPageStepsMax = 100_000,
  }: ImageListLimits = {},
): Promise<Page<ImageInUse>> {
  let [after, afterImage] =
    cursor === undefined ? ['', ''] : scanStartOf(...decodeCursor(cursor, ['string', 'string']));
  const few = await findFewHostsWithLabels(db, organizationId, hostLabel, rowsMax);
  if (few !== null) {
    const search = { organizationId, countedHosts: hostsById(few), q, after, afterImage };
    const rows = await readImagesOfHosts(db, search, { imagesMax: limit + 1, rowsMax: rowsOfImageMax });
    const images = rows.map((row) => toImageInUse(row, LISTED_BUILDS_MAX));
    return pageOf(images, limit) ?? { items: images, nextCursor: null };
  }
  const countedHosts = hostLabel ? labeledHosts(organizationId, hostLabel) : allHosts(organizationId);
  for (let steps = stepsMax; ; steps += stepsMax) {
    const limits = { imagesMax: limit + 1, rowsMax, rowsOfImageMax, stepsMax };
    const { images: rows, stoppedAt } = await scanImages(
      db,
      { organizationId, countedHosts, q, after, afterImage },
      limits,
    );
    const images = rows.map((row) => toImageInUse(row, LISTED_BUILDS_MAX));
    const page = pageOf(images, limit);
    if (page !== null) return page;
    if (stoppedAt === null) return { items: images, nextCursor: null };
    if (images.length > 0 || steps >= emptyPageStepsMax) {
      return { items: images, nextCursor: encodeCursor([stoppedAt, '']) };
    }
    [after, afterImage] = [stoppedAt, ''];
  }
}

/** Returns the first `limit` images if there are more, and otherwise null. */
function pageOf(images: ImageInUse[], limit: number): Page<ImageInUse> | null {
  if (images.length <= limit) return null;
  const items = images.slice(0, limit);
  const { image } = items.at(-1)!;
  return { items, nextCursor: encodeCursor([textBeginning(image), image]) };
}

/**
 * Returns the position at which the scan resumes. Only the first 200 characters of an image are indexed, and several
 * images may share this prefix. In that case, the scan reads the prefix again and skips images up to `image`.
 */
function scanStartOf(beginning: string, image: string): [after: string, afterImage: string] {
  const characters = Array.from(beginning);
  return image === '' || characters.length < 200 ? [beginning, ''] : [characters.slice(0, 199).join(''), image];
}

/** Returns the builds of an image that the organization's present containers run, and the first hosts of each build. */
export async function getImageBuilds(
  { db, freshnessContext }: FreshnessSource,
  organizationId: string,
  { image, hostLabel }: ImageBuildsQuery,
  rowsMax = ROWS_OF_IMAGE_MAX,
): Promise<ImageBuilds> {
  const [context, few] = await Promise.all([
    freshnessContext(),
    findFewHostsWithLabels(db, organizationId, hostLabel, rowsMax),
  ]);
  const ofLabels = few ? hostsById(few) : labeledHosts(organizationId, hostLabel);
  const countedHosts = hostLabel ? ofLabels : allHosts(organizationId);
  const { image: row, hosts } = await readImageBuilds(db, organizationId, image, countedHosts, rowsMax);
  const { builds, ...counts } = toImageInUse(row ?? { ...UNUSED_IMAGE, image }, Infinity);
  const isOf = (build: ImageBuild, host: BuildHostRow) =>
    host.imageDigest === build.imageDigest && host.imageId === build.imageId;
  return {
    ...counts,
    builds: builds.map((build) => ({
      ...build,
      hostList: hosts
        .filter((host) => isOf(build, host))
        .map((host) => ({
          hostId: host.hostId,
          hostName: host.hostName,
          hostFreshness: containersFreshness(
            {
              ...host,
              lastSeenAt: toDate(host.lastSeenAt),
              confirmedAt: toDate(host.confirmedAt),
              leftAt: toDate(host.leftAt),
            },
            context,
          ),
          containers: host.containers,
          running: host.running,
        })),
    })),
  };
}

const toDate = (text: string | null): Date | null => (text === null ? null : new Date(text));

const UNUSED_IMAGE: Omit<ImageRow, 'image'> = {
  ...{ imageIds: 0, hosts: 0, containers: 0, running: 0, isExact: true },
  ...{ rows: [], rowCount: 0, idsOfOneHost: [] },
};

function toImageInUse(row: ImageRow, buildsMax: number): ImageInUse {
  const { image, imageIds, hosts, containers, running, isExact, rowCount } = row;
  const { builds, ...compared } = compareBuilds(row);
  return {
    ...{ image, ...splitReference(image), imageIds, hosts, containers, running, ...compared },
    builds: builds.slice(0, buildsMax),
    hasMoreBuilds: rowCount > Math.min(builds.length, buildsMax),
    isExact,
  };
}
