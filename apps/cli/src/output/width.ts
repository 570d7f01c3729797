const WIDE =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}])$/u;
const OF_THE_ONE_BEFORE = /^\p{M}$/u;

const widthOfOne = (character: string): number => {
  if (OF_THE_ONE_BEFORE.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
};

/** Returns the number of terminal columns that a text takes. */
export const widthOf = (text: string): number =>
  /^[\x20-\x7e]*$/.test(text)
    ? text.length
    : Array.from(text).reduce((sum, character) => sum + widthOfOne(character), 0);

/** Cuts a text to a number of terminal columns. A cut text ends with an ellipsis. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let width = 1;
  let kept = '';
  for (const character of text) {
    width += widthOfOne(character);
    if (width > columns) break;
    kept += character;
  }
  return `${kept}…`;
}
