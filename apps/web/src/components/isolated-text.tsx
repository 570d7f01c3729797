import { toVisibleText } from '../lib/plain-text';

/**
 * Shows text from outside Muster, such as a host's name or a label, so that its writing direction does not affect the
 * surrounding text. Attributes cannot isolate their text, so use `toPlainText` for them.
 */
export function IsolatedText({ text }: { text: string }) {
  return <bdi>{toVisibleText(text)}</bdi>;
}
