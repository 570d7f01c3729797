/** A document lacks the markers between which figures are written. */
export class DocumentError extends Error {}

/**
 * Replaces the text between two markers, and leaves all other text unchanged.
 * @throws DocumentError if a marker is missing.
 */
export function replaceBetween(document: string, begin: string, end: string, text: string): string {
  const from = document.indexOf(begin);
  const to = document.indexOf(end, from);
  if (from === -1 || to === -1) throw new DocumentError(`the document lacks the line ${begin} or ${end}`);
  return `${document.slice(0, from)}${begin}\n\n${text}\n\n${document.slice(to)}`;
}
