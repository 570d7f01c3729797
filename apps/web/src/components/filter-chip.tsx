import { toPlainText } from '../lib/plain-text';
import { IsolatedText } from './isolated-text';

/** An active filter, as a button that removes it. `text` is the part that comes from outside Muster. */
export function FilterChip({ label, text, onRemove }: { label: string; text?: string; onRemove: () => void }) {
  const all = [label, text].filter((part) => part !== undefined && part !== '').join(' ');
  return (
    <button type="button" className="chip chip-on" aria-label={`Remove filter ${toPlainText(all)}`} onClick={onRemove}>
      <span className="clip">
        {label} {text !== undefined && <IsolatedText text={text} />}
      </span>
      <span aria-hidden="true">×</span>
    </button>
  );
}
