import { useEffect, useState } from 'react';
import { Icon } from './icons';

const FEEDBACK_MS = 2_000;

/** A button that copies a text and shows whether that succeeded. */
export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [result, setResult] = useState<'copied' | 'failed' | null>(null);
  useEffect(() => {
    if (result === null) return;
    const timer = setTimeout(() => setResult(null), FEEDBACK_MS);
    return () => clearTimeout(timer);
  }, [result]);
  const copy = (): void => {
    // Browsers provide the clipboard only with HTTPS or on localhost.
    const written = 'clipboard' in navigator ? navigator.clipboard.writeText(text) : Promise.reject(new Error());
    written.then(
      () => setResult('copied'),
      () => setResult('failed'),
    );
  };
  return (
    <button type="button" className="icon-button" aria-label={label} title={label} onClick={copy}>
      <Icon name={result === 'copied' ? 'check' : 'copy'} />
      <span role="status" className={result === 'failed' ? 'copy-failed' : 'spoken'}>
        {result === 'copied' ? 'Copied' : result === 'failed' ? 'Could not copy. Select the text and press Ctrl+C' : ''}
      </span>
    </button>
  );
}

/** A text to copy, such as a command or a key, with a copy button. */
export function Command({ text, label }: { text: string; label: string }) {
  return (
    <div className="command">
      <pre tabIndex={0} role="region" aria-label={label}>
        {text}
      </pre>
      <CopyButton text={text} label={`Copy ${label}`} />
    </div>
  );
}
