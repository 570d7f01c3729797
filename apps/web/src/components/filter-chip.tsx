import { toPlainText } from '../lib/plain-text';
import { IsolatedText } from './isolated-text';

/** An active filter, as a button that removes it. `label` is text of the UI, and `text` comes from outside Muster. */
export function FilterChip({ label, text, onRemove }: { label: string; text?: string; onRemove: () => void }) {
  const fullText = [label, text].filter((part) => part !== undefined && part !== '').join(' ');
  return (
    <button
      type="button"
      className="chip chip-on"
      aria-label={`Remove filter ${toPlainText(fullText)}`}
      onClick={onRemove}
    >
      <span className="clip">
        {label} {text !== undefined && <IsolatedText text={text} />}
      </span>
      <span aria-hidden="true">×</span>
    </button>
  );
}
