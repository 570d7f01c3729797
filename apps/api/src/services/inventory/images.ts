import type { ImageInUse, ImageQuery, Page } from '@muster/contracts';
import type { Database } from '@muster/db';
import { decodeCursor, encodeCursor } from '../../lib/cursor.js';
import { textBeginning } from './container-columns.sql.js';
import { scanImages } from './scan-images.sql.js';

/** Limits on the work done for one page of images. See `ImageScanLimits`. */
export interface ImageListLimits {
  rowsMax?: number;
  rowsOfImageMax?: number;
  stepsMax?: number;
  /** Maximum number of images visited before an empty page is returned. */
  emptyPageStepsMax?: number;
}

/**
 * Lists the images of an organization's present containers, ordered by reference. A page may have fewer than `limit`
 * items, even none, without being the last page. Only a null `nextCursor` marks the end.
 */
export async function listImages(
  db: Database,
  organizationId: string,
  { q, limit, cursor }: ImageQuery,
  { rowsMax = 40_000, rowsOfImageMax = 100_000, stepsMax = 2_500, emptyPageStepsMax = 100_000 }: ImageListLimits = {},
): Promise<Page<ImageInUse>> {
  let [after, afterImage] =
    cursor === undefined ? ['', ''] : scanStartOf(...decodeCursor(cursor, ['string', 'string']));
  for (let steps = stepsMax; ; steps += stepsMax) {
    const limits = { imagesMax: limit + 1, rowsMax, rowsOfImageMax, stepsMax };
    const { images, stoppedAt } = await scanImages(db, { organizationId, q, after, afterImage }, limits);
    if (images.length > limit) {
      const items = images.slice(0, limit);
      const { image } = items.at(-1)!;
      return { items, nextCursor: encodeCursor([textBeginning(image), image]) };
    }
    if (stoppedAt === null) return { items: images, nextCursor: null };
    if (images.length > 0 || steps >= emptyPageStepsMax) {
      return { items: images, nextCursor: encodeCursor([stoppedAt, '']) };
    }
    [after, afterImage] = [stoppedAt, ''];
  }
}

/**
 * Returns the position at which the scan resumes. Only the first 200 characters of an image are indexed, and several
 * images may share them. In that case, the scan reads this prefix again and skips images up to `image`.
 */
function scanStartOf(beginning: string, image: string): [after: string, afterImage: string] {
  const characters = Array.from(beginning);
  return image === '' || characters.length < 200 ? [beginning, ''] : [characters.slice(0, 199).join(''), image];
}
