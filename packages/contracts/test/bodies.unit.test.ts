import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import {
  ApiKeyRequest,
  Cadence,
  CADENCE_DEFAULT,
  EnrollmentTokenRequest,
  EnrollRequest,
  Heartbeat,
  HostPatch,
  Operations,
  parseWith,
  toTerminalJson,
  type Operation,
} from '../src/index.js';

const refusedPaths = (schema: z.ZodType, body: unknown): string[] => {
  const parsed = parseWith(schema, body);
  return parsed.success ? [] : parsed.errors.map((error) => error.path);
};

/** Returns `body` with the field at `path` replaced. */
function at(body: object, path: readonly string[], value: unknown): object {
  const [key, ...rest] = path as [string, ...string[]];
  const inner = (body as Record<string, unknown>)[key];
  return { ...body, [key]: rest.length === 0 ? value : at(inner as object, rest, value) };
}

const ENROLL = {
  name: 'web-1',
  engineId: 'ABCD:EFGH',
  engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' },
  os: 'linux',
  arch: 'x86_64',
  agentVersion: '0.1.0',
};
const HEARTBEAT = { digest: 'd', engineError: 'no answer', engine: ENROLL.engine, os: 'linux', agentVersion: '0.1.0' };

describe.each([
  ['enrollment', EnrollRequest, ENROLL, 'name', 1, 200],
  ['enrollment', EnrollRequest, ENROLL, 'engineId', 1, 255],
  ['enrollment', EnrollRequest, ENROLL, 'engine/name', 1, 255],
  ['enrollment', EnrollRequest, ENROLL, 'engine/version', 0, 255],
  ['enrollment', EnrollRequest, ENROLL, 'engine/apiVersion', 0, 255],
  ['enrollment', EnrollRequest, ENROLL, 'os', 0, 255],
  ['enrollment', EnrollRequest, ENROLL, 'arch', 0, 255],
  ['enrollment', EnrollRequest, ENROLL, 'agentVersion', 0, 255],
  ['heartbeat', Heartbeat, HEARTBEAT, 'digest', 1, 255],
  ['heartbeat', Heartbeat, HEARTBEAT, 'engineError', 1, 1_024],
  ['heartbeat', Heartbeat, HEARTBEAT, 'engine/name', 1, 255],
  ['heartbeat', Heartbeat, HEARTBEAT, 'os', 0, 255],
  ['heartbeat', Heartbeat, HEARTBEAT, 'agentVersion', 0, 255],
  ['enrollment token', EnrollmentTokenRequest, { name: 'n' }, 'name', 1, 200],
  ['host patch', HostPatch, { name: 'n' }, 'name', 1, 200],
] as const)('in the %s body,', (_, schema, body, field, min, max) => {
  const path = field.split('/');

  test(`${field} accepts ${min} to ${max} characters`, () => {
    expect(refusedPaths(schema, body)).toEqual([]);
    for (const length of [min, max]) expect(refusedPaths(schema, at(body, path, 'x'.repeat(length)))).toEqual([]);
    expect(refusedPaths(schema, at(body, path, 'x'.repeat(max + 1)))).toEqual([`/${field}`]);
    if (min > 0) expect(refusedPaths(schema, at(body, path, ''))).toEqual([`/${field}`]);
  });

  test(`${field} accepts only text without NUL, and replaces lone surrogates`, () => {
    expect(refusedPaths(schema, at(body, path, 'a\0'))).toEqual([`/${field}`]);
    expect(refusedPaths(schema, at(body, path, 7))).toEqual([`/${field}`]);
    const stored = schema.parse(at(body, path, 'a\uD800'));
    expect(path.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], stored)).toBe('a\uFFFD');
  });
});

test.each([EnrollRequest, Heartbeat, EnrollmentTokenRequest, HostPatch])('a body must be an object', (schema) => {
  for (const body of [null, undefined, [], 'x', 1]) expect(refusedPaths(schema, body)).toEqual(['']);
});

test('unknown keys in agent bodies are ignored, because agents and the API are upgraded separately', () => {
  expect(EnrollRequest.parse({ ...ENROLL, newer: 1, engine: { ...ENROLL.engine, newer: 1 } })).toEqual(ENROLL);
  expect(Heartbeat.parse({ ...HEARTBEAT, newer: 1 })).toEqual(HEARTBEAT);
});

describe('an enrollment', () => {
  test.each(Object.keys(ENROLL))('requires %s', (field) => {
    expect(refusedPaths(EnrollRequest, { ...ENROLL, [field]: undefined })).toEqual([`/${field}`]);
  });
});

describe('a heartbeat', () => {
  test('requires only a digest, which can be null', () => {
    expect(Heartbeat.parse({ digest: null })).toEqual({ digest: null });
    expect(refusedPaths(Heartbeat, {})).toEqual(['/digest']);
    expect(refusedPaths(Heartbeat, { digest: 5 })).toEqual(['/digest']);
  });
});

describe('an enrollment token', () => {
  test('is valid for a day and enrolls one host by default', () => {
    expect(EnrollmentTokenRequest.parse({ name: 'n' })).toEqual({ name: 'n', expiresInSeconds: 86_400, maxUses: 1 });
  });

  test.each([
    ['expiresInSeconds', 1, 31_536_000],
    ['maxUses', 1, 100_000],
  ])('accepts %s from %d to %d', (field, min, max) => {
    for (const value of [min, max])
      expect(refusedPaths(EnrollmentTokenRequest, { name: 'n', [field]: value })).toEqual([]);
    for (const value of [min - 1, max + 1, 1.5, '1', null, Number.NaN]) {
      expect(refusedPaths(EnrollmentTokenRequest, { name: 'n', [field]: value })).toEqual([`/${field}`]);
    }
  });
});

test('the default reporting intervals are valid', () => {
  expect(Cadence.parse(CADENCE_DEFAULT)).toEqual({ heartbeatSeconds: 10, snapshotSeconds: 60 });
});

test.each([0, -1, '10', null, Number.POSITIVE_INFINITY])(
  'a reporting interval of %j seconds is rejected',
  (heartbeatSeconds) => {
    expect(refusedPaths(Cadence, { heartbeatSeconds, snapshotSeconds: 60 })).toEqual(['/heartbeatSeconds']);
  },
);

/** Invisible texts: white space, zero-width characters, bidirectional marks, fillers, tags. */
const INVISIBLE = [
  ' ',
  '\t',
  '\u00a0\u2003',
  '\u0007',
  '\u200b',
  '\u200d\ufeff',
  '\u202e',
  '\u2066\u2069',
  '\u061c',
  '\u00ad',
  '\u3164',
  '\u115f\u1160',
  '\u2800',
  '\ufe0f',
  '\u{e0041}\u{e007f}',
  '\u{1d173}',
  ' \u202e\u200b ',
];

describe.each([
  ['a host', HostPatch],
  ['an enrollment token', EnrollmentTokenRequest],
  ['an API key', ApiKeyRequest],
])('the name of %s', (_, schema) => {
  test.each(INVISIBLE.map((name) => [toTerminalJson(JSON.stringify(name)), name]))(
    'is refused if it has no visible character: %s',
    (__, name) => {
      expect(refusedPaths(schema, { name })).toEqual(['/name']);
    },
  );

  test.each(['rack 4', '\u202eweb', 'ü', 'データ', 'قاعدة', '🚢', '\ue0b0', '\u0301'])('can be %j', (name) => {
    expect(schema.parse({ name })).toMatchObject({ name });
  });

  test('is trimmed', () => {
    expect(schema.parse({ name: ' rack 4 ' })).toMatchObject({ name: 'rack 4' });
  });

  test('has a documented pattern that accepts valid names and rejects most invisible names', () => {
    const { pattern } = z.toJSONSchema(schema.shape.name, { io: 'input' });
    for (const name of INVISIBLE.filter((text) => !/[\ud800-\udfff]/.test(text)))
      expect(name).not.toMatch(new RegExp(pattern!));
    for (const name of ['rack 4', '\u202eweb', '🚢']) expect(name).toMatch(new RegExp(pattern!));
  });
});

test('a machine with an invisible name is enrolled with a substitute name', () => {
  for (const name of INVISIBLE)
    expect(EnrollRequest.parse({ ...ENROLL, name })).toEqual({ ...ENROLL, name: 'unnamed' });
  expect(EnrollRequest.parse({ ...ENROLL, name: ' \u202eweb ' }).name).toBe('\u202eweb');
});

test('operator bodies reject misspelled fields', () => {
  const operators = Object.values<Operation>(Operations).filter(
    ({ access, body }) => body !== undefined && access !== 'agent' && access !== 'enroll',
  );
  expect(operators.length).toBeGreaterThan(8);
  for (const { body } of operators) expect(refusedPaths(body!, { maxuses: 5 })).toContain('/maxuses');
});
