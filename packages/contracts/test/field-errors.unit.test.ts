import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { jsonPointer, MemberPatch, parseParameters, parseWith } from '../src/index.js';

/** Parses a JSON Pointer as specified in RFC 6901, section 4. */
const parsePointer = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));

test('a pointer parses to the original keys', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom('~', '/', '0', '1', 'a', ''), maxLength: 6 })), (keys) => {
      expect(parsePointer(jsonPointer(keys))).toEqual(keys);
    }),
  );
});

test.each([
  [[], ''],
  [[3, 'ports', 0, 'privatePort'], '/3/ports/0/privatePort'],
  [[''], '/'],
  [['a/b', 'm~n', '~1'], '/a~1b/m~0n/~01'],
])('the pointer of the path %j is %j', (path, pointer) => {
  expect(jsonPointer(path)).toBe(pointer);
});

test('a long pointer is truncated to 300 characters and stays well-formed', () => {
  const pointer = jsonPointer(['🐳'.repeat(1_000)]);
  expect(pointer.length).toBeLessThanOrEqual(301);
  expect(pointer.endsWith('…')).toBe(true);
  expect(pointer.isWellFormed()).toBe(true);
});

test('the first 20 errors of a value are returned, each with its path', () => {
  const parsed = parseWith(
    z.array(z.number()),
    Array.from({ length: 30 }, () => 'x'),
  );
  expect(parsed.success ? [] : parsed.errors.map(({ path }) => path)).toEqual(
    Array.from({ length: 20 }, (_, i) => `/${i}`),
  );
});

test('each unknown key of a strict schema is a separate error', () => {
  const schema = z.object({ inner: z.strictObject({}) });
  expect(parseWith(schema, { inner: { a: 1, 'b/c': 2 } })).toEqual({
    success: false,
    errors: [
      { path: '/inner/a', message: 'is not recognized' },
      { path: '/inner/b~1c', message: 'is not recognized' },
    ],
  });
});

test('messages do not contain the value, which may be a secret in the wrong field', () => {
  const parsed = parseWith(z.object({ a: z.int(), b: z.enum(['x']), c: z.uuid() }), {
    a: 'hunter2',
    b: 'hunter2',
    c: 'hunter2',
  });
  expect(JSON.stringify(parsed)).not.toContain('hunter2');
  expect(parsed.success).toBe(false);
});

test('errors distinguish missing fields and repeated parameters', () => {
  const missing = { success: false, errors: [{ path: '/name', message: 'is required' }] };
  expect(parseWith(z.object({ name: z.string() }), {})).toEqual(missing);
  expect(parseWith(MemberPatch, {})).toEqual({ success: false, errors: [{ path: '/role', message: 'is required' }] });
  const schema = z.object({ a: z.string().optional(), b: z.enum(['x']).optional(), c: z.array(z.string()).optional() });
  expect(parseParameters(schema, { a: ['1', '2'], b: ['x', 'x'], c: ['1', '2'] })).toEqual({
    success: false,
    errors: [
      { path: '/a', message: 'must not be repeated' },
      { path: '/b', message: 'must not be repeated' },
    ],
  });
});

test.each([
  ['must be a string', z.string(), 7],
  ['must be a whole number', z.int(), 1.5],
  ['must be an object', z.object({}), null],
  ['must not be empty', z.string().min(1), ''],
  ['must be at least 12 characters', z.string().min(12), 'x'],
  ['must be at most 200 characters', z.string().max(200), 'x'.repeat(201)],
  ['must have at most 2 items', z.array(z.string()).max(2), ['a', 'b', 'c']],
  ['must be at most 5', z.int().max(5), 6],
  ['must be greater than 0', z.number().positive(), 0],
  ['must be one of: admin, viewer', z.enum(['admin', 'viewer']), 'x'],
  ['must be an email address', z.email(), 'x'],
  ['must be better', z.string().regex(/y/, { error: 'must be better' }), 'x'],
] as const)('a message has no subject and begins with its verb: %s', (message, schema: z.ZodType, value) => {
  expect(parseWith(schema, value)).toEqual({ success: false, errors: [{ path: '', message }] });
});
