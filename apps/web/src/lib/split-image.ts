/**
 * Splits `registry:5000/shop/web:3` into `registry:5000/shop/web` and `:3`. If the image has a digest, the second part
 * is the shortened digest.
 */
export function splitImage(image: string): [repository: string, tag: string] {
  const at = image.indexOf('@');
  if (at !== -1) return [image.slice(0, at), image.slice(at).replace(/^@(sha256:.{8}).*$/, '@$1…')];
  const colon = image.lastIndexOf(':');
  if (colon <= image.lastIndexOf('/')) return [image, ''];
  return [image.slice(0, colon), image.slice(colon)];
}
