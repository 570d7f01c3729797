import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { HostPatch, jsonPointer, MemberPatch, parseParameters, parseWith } from '../src/index.js';

/** The keys of a JSON Pointer, as RFC 6901 section 4 reads it. */
const keysOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));

test('a pointer reads back as the keys that it was made of', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom('~', '/', '0', '1', 'a', ''), maxLength: 6 })), (keys) => {
      expect(keysOf(jsonPointer(keys))).toEqual(keys);
    }),
  );
});

test.each([
  [[], ''],
  [[3, 'ports', 0, 'privatePort'], '/3/ports/0/privatePort'],
  [[''], '/'],
  [['a/b', 'm~n', '~1'], '/a~1b/m~0n/~01'],
])('%j is %j', (path, pointer) => {
  expect(jsonPointer(path)).toBe(pointer);
});

test('a pointer of any length is cut to one that can be shown and stored', () => {
  const pointer = jsonPointer(['🐳'.repeat(1_000)]);
  expect(pointer.length).toBeLessThanOrEqual(301);
  expect(pointer.endsWith('…')).toBe(true);
  expect(pointer.isWellFormed()).toBe(true);
});

test('the first 20 errors of a value are told, each at its place', () => {
  const parsed = parseWith(
    z.array(z.number()),
    Array.from({ length: 30 }, () => 'x'),
  );
  expect(parsed.success ? [] : parsed.errors.map(({ path }) => path)).toEqual(
    Array.from({ length: 20 }, (_, i) => `/${i}`),
  );
});

test('each unknown key of a strict schema is an error of its own', () => {
  const schema = z.object({ inner: z.strictObject({}) });
  expect(parseWith(schema, { inner: { a: 1, 'b/c': 2 } })).toEqual({
    success: false,
    errors: [
      { path: '/inner/a', message: 'is not known here' },
      { path: '/inner/b~1c', message: 'is not known here' },
    ],
  });
});

test('a message does not carry the value: a mistyped secret must not come back', () => {
  const parsed = parseWith(z.object({ a: z.int(), b: z.enum(['x']), c: z.uuid() }), {
    a: 'hunter2',
    b: 'hunter2',
    c: 'hunter2',
  });
  expect(JSON.stringify(parsed)).not.toContain('hunter2');
  expect(parsed.success).toBe(false);
});

test('what is missing, and what is repeated, is called so', () => {
  const missing = { success: false, errors: [{ path: '/name', message: 'is missing' }] };
  expect(parseWith(HostPatch, {})).toEqual(missing);
  expect(parseWith(MemberPatch, {})).toEqual({ success: false, errors: [{ path: '/role', message: 'is missing' }] });
  const schema = z.object({ a: z.string().optional(), b: z.enum(['x']).optional(), c: z.array(z.string()).optional() });
  expect(parseParameters(schema, { a: ['1', '2'], b: ['x', 'x'], c: ['1', '2'] })).toEqual({
    success: false,
    errors: [
      { path: '/a', message: 'must not be repeated' },
      { path: '/b', message: 'must not be repeated' },
    ],
  });
});
