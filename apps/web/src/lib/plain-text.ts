/** Characters that change the writing direction of the surrounding text. */
const DIRECTION_MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Invisible characters, including spaces. */
const INVISIBLE_CHARACTERS = /[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/gu;
const ONLY_INVISIBLE_CHARACTERS = new RegExp(`^(?:${INVISIBLE_CHARACTERS.source})+$`, 'u');

/**
 * Returns the text for a place that cannot isolate its writing direction, such as an attribute or the page's title.
 * Each character that changes the writing direction is replaced by U+FFFD.
 */
export const toPlainText = (text: string): string => text.replace(DIRECTION_MARKS, '\u{fffd}');

/** Returns the text. If all its characters are invisible, each of them is replaced by U+FFFD. */
export const toVisibleText = (text: string): string =>
  ONLY_INVISIBLE_CHARACTERS.test(text) ? text.replace(INVISIBLE_CHARACTERS, '\u{fffd}') : text;

/**
 * Returns the part of a text that a user can type. Removes U+FFFD, invisible characters other than spaces, and spaces
 * at both ends.
 */
export const toTypedText = (text: string): string =>
  text
    .replace(INVISIBLE_CHARACTERS, (character) => (character === ' ' ? ' ' : ''))
    .replace(/\u{fffd}/gu, '')
    .trim();
