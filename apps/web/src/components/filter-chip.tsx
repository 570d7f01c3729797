import { toPlainText } from '../lib/plain-text';
import { IsolatedText } from './isolated-text';

/** A filter that is on, as a chip that takes it off. `text` is the part that Muster did not write. */
export function FilterChip({ words, text, onRemove }: { words: string; text?: string; onRemove: () => void }) {
  const all = [words, text].filter((part) => part !== undefined && part !== '').join(' ');
  return (
    <button
      type="button"
      className="chip chip-on"
      aria-label={`${toPlainText(all)}: remove this filter`}
      onClick={onRemove}
    >
      <span className="clip">
        {words} {text !== undefined && <IsolatedText text={text} />}
      </span>
      <span aria-hidden="true">×</span>
    </button>
  );
}
