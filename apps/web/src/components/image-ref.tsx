import { IsolatedText } from './isolated-text';
import { toPlainText } from '../lib/plain-text';
import { splitImage } from '../lib/split-image';

/** An image reference. A long repository name is truncated at its start, but the tag is never truncated. */
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
