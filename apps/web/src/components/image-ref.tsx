import { IsolatedText } from './isolated-text';
import { toPlainText } from '../lib/plain-text';

/** An image reference. A long repository is truncated at its start, the tag never. */
export function ImageRef({ image }: { image: string }) {
  const [repository, tag] = splitImage(image);
  return (
    <span className="image-ref code" title={toPlainText(image)}>
      <span className="image-repository">
        <IsolatedText text={repository} />
      </span>
      {tag !== '' && (
        <span className="image-tag">
          <IsolatedText text={tag} />
        </span>
      )}
    </span>
  );
}

/** Splits `registry:5000/shop/web:3` into `registry:5000/shop/web` and `:3`. A digest becomes a short tag. */
function splitImage(image: string): [repository: string, tag: string] {
  const at = image.indexOf('@');
  if (at !== -1) return [image.slice(0, at), image.slice(at).replace(/^@(sha256:.{8}).*$/, '@$1…')];
  const colon = image.lastIndexOf(':');
  if (colon <= image.lastIndexOf('/')) return [image, ''];
  return [image.slice(0, colon), image.slice(colon)];
}
