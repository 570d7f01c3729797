/** Characters that change the direction in which the text around them is written. */
const DIRECTION_MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Characters that draw nothing. */
const BLANKS = /[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/gu;
const IS_BLANK = new RegExp(`^(?:${BLANKS.source})+$`, 'u');

/**
 * Returns the text for a place that has no elements, such as an attribute or the page's title, where it cannot be
 * isolated: each mark that changes the direction of writing becomes U+FFFD.
 */
export const toPlainText = (text: string): string => text.replace(DIRECTION_MARKS, '\u{fffd}');

/** Returns the text, or where nothing of it can be seen, U+FFFD for each of its characters. */
export const toVisibleText = (text: string): string => (IS_BLANK.test(text) ? text.replace(BLANKS, '\u{fffd}') : text);

/** Returns what a person can type of a text: the text without the characters that draw nothing, except for spaces. */
export const toTypedText = (text: string): string =>
  text
    .replace(BLANKS, (character) => (character === ' ' ? ' ' : ''))
    .replace(/\u{fffd}/gu, '')
    .trim();
