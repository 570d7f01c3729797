import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toTerminalJson, toTerminalText } from '../src/terminal-text.js';

const CONTROL = /[\p{Cc}\u202e\u2066\u200b]/u;

test('text for a terminal is one line without control characters, and otherwise unchanged', () => {
  expect(toTerminalText('\u001b]0;title\u0007 a\nb\u009b2J \u202etxt')).toBe(
    '\ufffd]0;title\ufffd a\ufffdb\ufffd2J \ufffdtxt',
  );
  expect(toTerminalText('plain, ümläut, 日本, 🚢')).toBe('plain, ümläut, 日本, 🚢');
});

test('JSON for a terminal parses to the same value and contains no control character except line feeds', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), fc.constantFrom(0, 2), (value, indent) => {
      const hostile = { value, text: `\u009b2J\u007f\u202e\u001b[0m\n${JSON.stringify(value)}` };
      const text = toTerminalJson(JSON.stringify(hostile, null, indent));
      expect(text.replaceAll('\n', '')).not.toMatch(CONTROL);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(hostile)));
    }),
  );
});
