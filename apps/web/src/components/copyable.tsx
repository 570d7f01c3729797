import { useEffect, useState } from 'react';
import { Icon } from './icons';

/** How long the result of copying is shown, in milliseconds. */
const FEEDBACK_MS = 2_000;

/** A button that copies text and shows whether copying succeeded. */
export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [result, setResult] = useState<'copied' | 'failed' | null>(null);
  useEffect(() => {
    if (result === null) return;
    const timer = setTimeout(() => setResult(null), FEEDBACK_MS);
    return () => clearTimeout(timer);
  }, [result]);
  const copy = (): void => {
    // Browsers provide the clipboard only with HTTPS or on localhost.
    const copying = 'clipboard' in navigator ? navigator.clipboard.writeText(text) : Promise.reject(new Error());
    copying.then(
      () => setResult('copied'),
      () => setResult('failed'),
    );
  };
  return (
    <button type="button" className="icon-button" aria-label={label} title={label} onClick={copy}>
      <Icon name={result === 'copied' ? 'check' : 'copy'} />
      <span role="status" className={result === 'failed' ? 'copy-failed' : 'visually-hidden'}>
        {result === 'copied'
          ? 'Copied'
          : result === 'failed'
            ? 'Could not copy. Select the text and press Ctrl+C.'
            : ''}
      </span>
    </button>
  );
}

/** Text to copy, such as a command or a key, with a copy button. */
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
