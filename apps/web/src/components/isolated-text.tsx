import { toVisibleText } from '../lib/plain-text';

/**
 * Shows a text that Muster did not write, such as a host's name or a label: whatever direction of writing it asks for,
 * the text around it stays as it is. Attributes cannot do that: they take `toPlainText`.
 */
export function IsolatedText({ text }: { text: string }) {
  return <bdi>{toVisibleText(text)}</bdi>;
}
