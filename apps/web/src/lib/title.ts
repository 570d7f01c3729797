import { useEffect } from 'react';
import { toPlainText } from './plain-text';

/** Names the page in the browser's tab and history. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = toPlainText(`${title} · Muster`);
  }, [title]);
}
