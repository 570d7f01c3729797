/**
 * What a terminal may take for a command, or show as something else than it is: control characters (C0, DEL, C1), the
 * marks that turn the direction of writing round, and what has no width. Names, images and labels are others' data.
 */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** The same text in one line that is safe to show: each such character becomes `\u{fffd}`. */
export const plainText = (text: string): string => text.replace(UNSAFE, '\u{fffd}');
