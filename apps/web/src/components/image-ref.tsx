import { displayImage } from '@muster/contracts/image-name';
import { IsolatedText } from './isolated-text';
import { toPlainText } from '../lib/plain-text';
import { splitImage } from '../lib/split-image';

/**
 * An image reference. A long repository name is truncated at its start, but the tag is never truncated. An image
 * without a name is shown with its id.
 */
export function ImageRef({ image, imageId = null }: { image: string; imageId?: string | null }) {
  const [repository, tag] = splitImage(displayImage({ image, imageId }));
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
