import { useEffect } from 'react';
import { toPlainText } from './plain-text';

/** Sets the title of the document, which the browser's tab and history show. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = toPlainText(`${title} · Muster`);
  }, [title]);
}
