const WIDE_CHARACTER =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}])$/u;
const COMBINING_MARK = /^\p{M}$/u;

const characterWidth = (character: string): number => {
  if (COMBINING_MARK.test(character)) return 0;
  return WIDE_CHARACTER.test(character) ? 2 : 1;
};

/** Returns the number of terminal columns that a text takes. */
export const displayWidth = (text: string): number =>
  /^[\x20-\x7e]*$/.test(text)
    ? text.length
    : Array.from(text).reduce((sum, character) => sum + characterWidth(character), 0);

/** Cuts a text to a number of terminal columns. A cut text ends with an ellipsis. */
export function truncate(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let width = 1;
  let kept = '';
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns) break;
    kept += character;
  }
  return `${kept}…`;
}
