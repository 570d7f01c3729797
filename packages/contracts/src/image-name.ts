/** The image of a container that has no image, or whose engine does not report it. */
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

/** The parts of an image reference. */
export interface ImageReference {
  /** The name with the registry (`registry:5000/shop/web`); null if the image has no name. */
  repository: string | null;
  /** Null if the reference has no tag. Engines then use the tag `latest`, unless the reference has a digest. */
  tag: string | null;
  /** The digest of a reference such as `nginx@sha256:…`; null if it has none. */
  digest: string | null;
}

/**
 * Splits an image reference. If the reference has a name, joining the parts with `:` and `@` yields the reference
 * again.
 */
export function splitReference(reference: string): ImageReference {
  if (isImageId(reference) || reference === NO_IMAGE) return { repository: null, tag: null, digest: null };
  const at = reference.indexOf('@', 1);
  const name = at === -1 ? reference : reference.slice(0, at);
  const digest = at === -1 ? null : reference.slice(at + 1);
  const colon = name.lastIndexOf(':');
  // A colon before the last slash separates the registry's port.
  if (colon <= Math.max(name.lastIndexOf('/'), 0)) return { repository: name, tag: null, digest };
  return { repository: name.slice(0, colon), tag: name.slice(colon + 1), digest };
}
