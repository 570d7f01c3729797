/** The image of a container that has none, or whose engine does not report it. */
export const NO_IMAGE = '<none>';

/** Returns whether an image reference is the id of an image, because the image has no name. */
export const isImageId = (reference: string): boolean => /^sha256:[0-9a-f]{12,64}$/.test(reference);

const SHORT_ID_LENGTH = 12;

/**
 * Returns an image as it is displayed. An image without a name is `<none>` with the beginning of its id, as in Docker's
 * own output: `<none> (c6b29e83d5ae)`.
 */
export function displayImage({ image, imageId }: { image: string; imageId: string | null }): string {
  if (!isImageId(image) && image !== NO_IMAGE) return image;
  const id = (isImageId(image) ? image : (imageId ?? '')).replace(/^sha256:/, '').slice(0, SHORT_ID_LENGTH);
  return id === '' ? NO_IMAGE : `${NO_IMAGE} (${id})`;
}
