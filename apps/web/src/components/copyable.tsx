import { useEffect, useState } from 'react';
import { Icon } from './icons';

const SAID_FOR_MS = 2_000;

/** A button that copies a text and shows whether that succeeded. */
export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [said, setSaid] = useState<'copied' | 'failed' | null>(null);
  useEffect(() => {
    if (said === null) return;
    const timer = setTimeout(() => setSaid(null), SAID_FOR_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = (): void => {
    // Browsers provide the clipboard only with HTTPS or on localhost.
    const written = 'clipboard' in navigator ? navigator.clipboard.writeText(text) : Promise.reject(new Error());
    written.then(
      () => setSaid('copied'),
      () => setSaid('failed'),
    );
  };
  return (
    <button type="button" className="icon-button" aria-label={label} title={label} onClick={copy}>
      <Icon name={said === 'copied' ? 'check' : 'copy'} />
      <span role="status" className={said === 'failed' ? 'copy-failed' : 'spoken'}>
        {said === 'copied' ? 'Copied' : said === 'failed' ? 'Could not copy. Select the text and press Ctrl+C' : ''}
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
