import { Prisma, type Database } from '@muster/db';
import { contains, IMAGE_BEGINNING, NOT_INFRA } from './container-columns.sql.js';
import {
  containersOfImages,
  countedBuilds,
  countedImages,
  type CountedHosts,
  type ImageRow,
} from './image-builds.sql.js';

/** The images to read. `after` is the indexed prefix of an image, and `afterImage` the whole image. */
export interface ImageSearch {
  organizationId: string;
  countedHosts: CountedHosts;
  q: string | undefined;
  after: string;
  afterImage: string;
}

export interface ScannedImages {
  images: ImageRow[];
  /** The indexed prefix of the last image that was read, if more images may follow. */
  stoppedAt: string | null;
}

export interface ImageScanLimits {
  /**
   * Stops after this many images. May return more, because one step reads all images that share their first 200
   * characters.
   */
  imagesMax: number;
  /** Stops after this many counted containers. */
  rowsMax: number;
  /** Maximum number of containers counted per image. */
  rowsOfImageMax: number;
  /** Maximum number of images read. */
  stepsMax: number;
}

/**
 * Steps from image to image in the index, without reading the entries in between, and counts the containers of the
 * requested images.
 *
 * The recursive query is lazy: PostgreSQL runs no further step once one of the limits is reached. A step is one index
 * probe and one index range scan.
 */
export async function scanImages(
  { prisma }: Database,
  { organizationId, countedHosts, q, after, afterImage }: ImageSearch,
  { imagesMax, rowsMax, rowsOfImageMax, stepsMax }: ImageScanLimits,
): Promise<ScannedImages> {
  const ofOrganization = Prisma.sql`c."organizationId" = ${organizationId} AND c."removedAt" IS NULL AND ${NOT_INFRA}`;
  const prefixMayMatch =
    q === undefined
      ? Prisma.sql`TRUE`
      : Prisma.sql`(${contains(Prisma.sql`step.beginning`, q)} OR length(step.beginning) = 200)`;
  const matches = q === undefined ? Prisma.sql`TRUE` : contains(Prisma.sql`c.image`, q);
  const rows = containersOfImages(
    organizationId,
    countedHosts,
    Prisma.sql`${IMAGE_BEGINNING} = step.beginning AND ${prefixMayMatch} AND ${matches} AND c.image COLLATE "C" > ${afterImage}`,
    rowsOfImageMax,
  );
  const steps = await prisma.$queryRaw<{ beginning: string; images: ImageRow[] | null; number: number }[]>(Prisma.sql`
    WITH RECURSIVE ${countedHosts.table}, walked AS (
      SELECT ${after}::text COLLATE "C" AS beginning, NULL::jsonb AS images, 0 AS found, 0 AS rows, 0 AS number
      UNION ALL
      SELECT step.beginning, counted.images, w.found + counted.found, w.rows + counted.rows, w.number + 1
      FROM walked AS w
      CROSS JOIN LATERAL (
        SELECT ${IMAGE_BEGINNING} AS beginning FROM containers AS c
        WHERE ${ofOrganization} AND ${IMAGE_BEGINNING} > w.beginning ORDER BY ${IMAGE_BEGINNING} LIMIT 1
      ) AS step
      CROSS JOIN LATERAL (
        WITH ${countedBuilds(rows)}
        SELECT jsonb_agg(i ORDER BY i.image COLLATE "C") AS images, count(*)::int AS found,
          COALESCE(sum(containers), 0)::int AS rows
        FROM (${countedImages(rowsOfImageMax)}) AS i
      ) AS counted
      WHERE w.found < ${imagesMax}::int AND w.rows < ${rowsMax}::int AND w.number < ${stepsMax}::int
    )
    SELECT beginning, images, number FROM walked
    WHERE images IS NOT NULL
      OR (number > 0 AND (found >= ${imagesMax}::int OR rows >= ${rowsMax}::int OR number >= ${stepsMax}::int))
    ORDER BY number`);
  const last = steps.at(-1);
  const images = steps.flatMap((step) => step.images ?? []);
  const counted = images.reduce((sum, { containers }) => sum + containers, 0);
  const isStopped = last !== undefined && (images.length >= imagesMax || counted >= rowsMax || last.number >= stepsMax);
  return { images, stoppedAt: isStopped ? last.beginning : null };
}

/**
 * Reads all containers of the hosts, at most `rowsMax`, and returns the first `imagesMax` requested images. Use this
 * function for few hosts.
 */
export async function readImagesOfHosts(
  { prisma }: Database,
  { organizationId, countedHosts, q, after, afterImage }: ImageSearch,
  { imagesMax, rowsMax }: { imagesMax: number; rowsMax: number },
): Promise<ImageRow[]> {
  const matches = q === undefined ? Prisma.sql`TRUE` : contains(Prisma.sql`c.image`, q);
  const rows = containersOfImages(
    organizationId,
    countedHosts,
    Prisma.sql`${matches} AND ${IMAGE_BEGINNING} > ${after} AND c.image COLLATE "C" > ${afterImage}`,
    rowsMax,
  );
  return prisma.$queryRaw(Prisma.sql`
    WITH ${countedHosts.table}, ${countedBuilds(rows)}
    SELECT i.* FROM (${countedImages(rowsMax)}) AS i ORDER BY i.image COLLATE "C" LIMIT ${imagesMax}::int`);
}
