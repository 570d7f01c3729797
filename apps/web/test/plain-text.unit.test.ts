import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toPlainText, toTypedText, toVisibleText } from '../src/lib/plain-text';

describe('a text from outside Muster', () => {
  test('cannot change the writing direction, because direction characters become U+FFFD', () => {
    expect(toPlainText('a\u202eb\u2066\u2069\u200f\u061cc')).toBe('a\ufffdb\ufffd\ufffd\ufffd\ufffdc');
    expect(toPlainText('Müller, 日本, عربي, 👩‍💻')).toBe('Müller, 日本, عربي, 👩‍💻');
  });

  test('is visible even if all its characters are invisible', () => {
    expect(toVisibleText('\u200b\u202e')).toBe('\ufffd\ufffd');
    expect(toVisibleText(' ')).toBe('\ufffd');
    expect(toVisibleText('a\u200b b')).toBe('a\u200b b');
    expect(toVisibleText('')).toBe('');
  });

  test('can be confirmed by typing only its visible characters', () => {
    expect(toTypedText(' web\u202e 0\u200b1 ')).toBe('web 01');
    expect(toTypedText('\u200b')).toBe('');
  });

  test('can always be confirmed by typing the text that is shown', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const typedText = toTypedText(text);
        // The text that the user types is cleaned in the same way, and must not change.
        expect(toTypedText(typedText)).toBe(typedText);
        expect(toVisibleText(typedText)).toBe(typedText);
      }),
    );
  });

  test('keeps its length and all characters that do not change the writing direction', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const plainText = toPlainText(text);
        expect(plainText).toHaveLength(text.length);
        expect(toPlainText(plainText)).toBe(plainText);
      }),
    );
    expect(toPlainText('nginx:1.29 (über)')).toBe('nginx:1.29 (über)');
  });
});
