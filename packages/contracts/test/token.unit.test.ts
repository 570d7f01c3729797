import { crc32 } from 'node:zlib';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatToken, TOKEN_RANDOM_BYTES, tokenKind, TokenPrefixes, type TokenKind } from '../src/index.js';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const KINDS = Object.keys(TokenPrefixes) as TokenKind[];
const kind = fc.constantFrom(...KINDS);
const random = fc.uint8Array({ minLength: TOKEN_RANDOM_BYTES, maxLength: TOKEN_RANDOM_BYTES });
const token = fc.tuple(kind, random).map(([of, bytes]) => formatToken(of, bytes));

/** Parses base62 digits, to reverse `formatToken`. */
const fromBase62 = (digits: string): bigint =>
  Array.from(digits).reduce((value, digit) => value * 62n + BigInt(ALPHABET.indexOf(digit)), 0n);

test.each([
  ['agent', 'muster_agent_'],
  ['enroll', 'muster_enroll_'],
  ['key', 'muster_key_'],
] as const)('a token of kind %s consists of %s, 43 random characters and a checksum of 6 characters', (of, prefix) => {
  expect(formatToken(of, new Uint8Array(32).fill(255))).toMatch(new RegExp(`^${prefix}[0-9A-Za-z]{49}$`));
});

test('the token format is unchanged, so that issued tokens stay valid', () => {
  // The checksum was computed with Python's zlib.crc32.
  expect(formatToken('key', new Uint8Array(32))).toBe('muster_key_00000000000000000000000000000000000000000000un1eC');
});

test('the checksum is zlib’s CRC-32 of all preceding characters', () => {
  fc.assert(
    fc.property(token, (written) => {
      expect(fromBase62(written.slice(-6))).toBe(BigInt(crc32(written.slice(0, -6))));
    }),
  );
});

test('a token’s random part encodes all given random bytes', () => {
  fc.assert(
    fc.property(kind, random, (of, bytes) => {
      const digits = formatToken(of, bytes).slice(TokenPrefixes[of].length, -6);
      expect(fromBase62(digits).toString(16).padStart(64, '0')).toBe(Buffer.from(bytes).toString('hex'));
    }),
  );
});

test('the kind of a token is detected', () => {
  fc.assert(fc.property(kind, random, (of, bytes) => tokenKind(formatToken(of, bytes)) === of));
});

test('a wrong character in any position is detected', () => {
  fc.assert(
    fc.property(token, (written) => {
      for (let position = 0; position < written.length; position++) {
        for (const other of ['0', '1', 'A', 'z', 'l', 'O', '_', '-', 'é']) {
          if (written[position] === other) continue;
          const typo = written.slice(0, position) + other + written.slice(position + 1);
          expect([typo, tokenKind(typo)]).toEqual([typo, null]);
        }
      }
    }),
    { numRuns: 20 },
  );
});

test('swapped, missing and duplicated characters are detected', () => {
  fc.assert(
    fc.property(token, fc.nat({ max: 48 }), (written, back) => {
      const at = written.length - 1 - back;
      const [before, here, after] = [written.slice(0, at - 1), written.slice(at - 1, at + 1), written.slice(at + 1)];
      if (here[0] !== here[1]) expect(tokenKind(before + here[1]! + here[0]! + after)).toBeNull();
      expect(tokenKind(before + here[0]! + after)).toBeNull();
      expect(tokenKind(before + here + here[1]! + after)).toBeNull();
    }),
  );
});

test('the checksum covers the prefix', () => {
  fc.assert(
    fc.property(random, (bytes) => {
      const key = formatToken('key', bytes);
      expect(tokenKind(key.replace('muster_key_', 'muster_agent_'))).toBeNull();
    }),
  );
});

test.each(['', 'muster_key_', 'Bearer x', 'muster_admin_', '\0', 'muster_key_'.repeat(1_000)])(
  '%j is not a token',
  (text) => {
    expect(tokenKind(text)).toBeNull();
  },
);

test('a token with leading or trailing white space is rejected', () => {
  const written = formatToken('key', new Uint8Array(32));
  for (const padded of [` ${written}`, `${written} `, `${written}\n`, `\n${written}`])
    expect(tokenKind(padded)).toBeNull();
});

test.each([0, 16, 31, 33])('%d random bytes are rejected', (length) => {
  expect(() => formatToken('key', new Uint8Array(length))).toThrow(RangeError);
});
