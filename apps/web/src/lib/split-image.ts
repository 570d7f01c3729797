import { splitReference } from '@muster/contracts/image-name';

/**
 * Splits an image for display: `registry:5000/shop/web:3` into `registry:5000/shop/web` and `:3`. If the image has a
 * digest, the second part is the shortened digest.
 */
export function splitImage(image: string): [repository: string, tag: string] {
  const { repository, tag, digest } = splitReference(image);
  if (repository === null) return [image, ''];
  const suffix = tag === null ? '' : `:${tag}`;
  if (digest === null) return [repository, suffix];
  return [`${repository}${suffix}`, `@${digest.replace(/^(sha256:.{8}).*$/, '$1…')}`];
}
