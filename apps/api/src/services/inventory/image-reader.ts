import type { ImageInUse, ImageQuery, Page } from '@muster/contracts';
import type { Database } from '@muster/db';
import { decodeCursor, encodeCursor } from '../../lib/cursor.js';
import type { OperatorIdentity } from '../accounts/operator-identity.js';
import { imageBeginning } from './container-filters.sql.js';
import { listImages } from './list-images.sql.js';

export interface ImageReader {
  /**
   * The images of an organization's present containers, by reference. A page may hold fewer than `limit`, and none,
   * although there is more: only without a cursor is it the last.
   */
  list(operator: OperatorIdentity, query: ImageQuery): Promise<Page<ImageInUse>>;
}

/** What one page may cost; see `ImageWalkLimits`. */
export interface ImageReaderOptions {
  rowsMax?: number;
  rowsOfImageMax?: number;
  stepsMax?: number;
  /** Images that are looked at for a page that would show none. */
  emptyPageStepsMax?: number;
}

export function createImageReader(
  db: Database,
  {
    rowsMax = 40_000,
    rowsOfImageMax = 100_000,
    stepsMax = 2_500,
    emptyPageStepsMax = 100_000,
  }: ImageReaderOptions = {},
): ImageReader {
  return {
    async list({ organizationId }, { q, limit, cursor }) {
      let [after, afterImage] =
        cursor === undefined ? ['', ''] : startOf(...decodeCursor(cursor, ['string', 'string']));
      for (let steps = stepsMax; ; steps += stepsMax) {
        const limits = { imagesMax: limit + 1, rowsMax, rowsOfImageMax, stepsMax };
        const { images, stoppedAt } = await listImages(db, { organizationId, q, after, afterImage }, limits);
        if (images.length > limit) {
          const items = images.slice(0, limit);
          const { image } = items.at(-1)!;
          return { items, nextCursor: encodeCursor([imageBeginning(image), image]) };
        }
        if (stoppedAt === null) return { items: images, nextCursor: null };
        if (images.length > 0 || steps >= emptyPageStepsMax) {
          return { items: images, nextCursor: encodeCursor([stoppedAt, '']) };
        }
        [after, afterImage] = [stoppedAt, ''];
      }
    },
  };
}

/** Where the walk begins again: behind a beginning, or within one that several images may share. */
function startOf(beginning: string, image: string): [after: string, afterImage: string] {
  const characters = Array.from(beginning);
  return image === '' || characters.length < 200 ? [beginning, ''] : [characters.slice(0, 199).join(''), image];
}
