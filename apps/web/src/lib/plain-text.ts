/** Characters that change the writing direction of the surrounding text. */
const DIRECTION_MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Characters that are invisible. */
const BLANKS = /[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/gu;
const IS_BLANK = new RegExp(`^(?:${BLANKS.source})+$`, 'u');

/**
 * Returns the text for a place that cannot isolate it, such as an attribute or the page's title. Each character that
 * changes the writing direction is replaced with U+FFFD.
 */
export const toPlainText = (text: string): string => text.replace(DIRECTION_MARKS, '\u{fffd}');

/** Returns the text. If all of it is invisible, each of its characters is replaced by U+FFFD. */
export const toVisibleText = (text: string): string => (IS_BLANK.test(text) ? text.replace(BLANKS, '\u{fffd}') : text);

/** Returns the part of a text that can be typed: the text without its invisible characters, except for spaces. */
export const toTypedText = (text: string): string =>
  text
    .replace(BLANKS, (character) => (character === ' ' ? ' ' : ''))
    .replace(/\u{fffd}/gu, '')
    .trim();
