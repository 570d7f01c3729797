/**
 * Matches characters that a terminal may interpret or that hide text: control characters (C0, DEL, C1), bidirectional
 * marks, line separators and zero-width characters.
 */
const UNSAFE_CHARACTERS = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** Matches the characters of `UNSAFE_CHARACTERS`, except for the line feed that separates the lines of a JSON text. */
const UNSAFE_JSON_CHARACTERS = new RegExp(`(?!\n)${UNSAFE_CHARACTERS.source}`, 'gu');

/** Returns the text as one line that is safe to show on a terminal. Each unsafe character becomes U+FFFD. */
export const toTerminalText = (text: string): string => text.replace(UNSAFE_CHARACTERS, '\u{fffd}');

/**
 * Returns JSON that is safe to show on a terminal and parses to the same value. Unsafe characters occur only inside
 * JSON strings. Each of them is replaced by its `\u` escape. Line feeds between the lines are kept.
 */
export const toTerminalJson = (json: string): string =>
  json.replace(UNSAFE_JSON_CHARACTERS, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
