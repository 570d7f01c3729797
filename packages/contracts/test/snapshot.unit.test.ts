import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalSnapshot, parseSnapshot, Snapshot, type FieldError } from '../src/index.js';
import { anySnapshot, minimalContainer, validSnapshot, withFields } from './arbitraries.js';

const numbered = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ ...minimalContainer, dockerId: `c${i}` }));

function parseValid(value: unknown): Snapshot {
  const parsed = parseSnapshot(value);
  if (!parsed.success) throw new Error(`refused: ${JSON.stringify(parsed.errors)}`);
  return parsed.data;
}

function errorsOf(value: unknown): FieldError[] {
  const parsed = parseSnapshot(value);
  if (parsed.success) throw new Error('accepted');
  return parsed.errors;
}

test('an empty array is a valid snapshot', () => {
  expect(parseValid([])).toEqual([]);
});

test.each([null, undefined, {}, '[]', 5, { 0: minimalContainer, length: 1 }])('%j is not a snapshot', (value) => {
  expect(errorsOf(value)).toEqual([{ path: '', message: 'must be a JSON array of containers' }]);
});

test('5,000 containers are accepted and 5,001 are rejected', () => {
  expect(parseValid(numbered(5_000))).toHaveLength(5_000);
  expect(Snapshot.safeParse(numbered(5_001)).success).toBe(false);
  const [error, ...others] = errorsOf(numbered(5_001));
  expect(error).toEqual({ path: '', message: 'must contain at most 5000 containers' });
  expect(others).toEqual([]);
});

test('a snapshot with one invalid container is rejected as a whole', () => {
  expect(errorsOf([minimalContainer, withFields({ dockerId: 'c2', name: '' })])).toEqual([
    { path: '/1/name', message: expect.any(String) },
  ]);
});

test.each([null, 'c1', 7, []])('%j is not a container', (value) => {
  expect(errorsOf([value]).every(({ path }) => path.startsWith('/0'))).toBe(true);
});

test('two containers with the same dockerId are rejected with the positions of both containers', () => {
  expect(errorsOf([minimalContainer, withFields({ dockerId: 'c2' }), { ...minimalContainer, name: 'other' }])).toEqual([
    { path: '/2/dockerId', message: 'must be unique, but equals /0/dockerId' },
  ]);
});

test('docker ids are case-sensitive', () => {
  expect(parseValid([minimalContainer, withFields({ dockerId: 'C1' })])).toHaveLength(2);
});

describe('errors', () => {
  test('are at most the first 20, in order', () => {
    const errors = errorsOf(Array.from({ length: 100 }, () => ({ ...minimalContainer, name: '' })));
    expect(errors.map(({ path }) => path)).toEqual(Array.from({ length: 20 }, (_, i) => `/${i}/name`));
  });

  test('are at most 20 from one container', () => {
    expect(errorsOf([withFields({ ports: Array.from({ length: 30 }, () => ({})) })])).toHaveLength(20);
  });

  test('are at most 20 for duplicates', () => {
    expect(errorsOf(Array.from({ length: 100 }, () => minimalContainer))).toHaveLength(20);
  });

  test('stop the parser after the twentieth error', () => {
    let nameReads = 0;
    const bad = Array.from({ length: 5_000 }, () => ({
      ...minimalContainer,
      get name() {
        nameReads++;
        return '';
      },
    }));
    errorsOf(bad);
    expect(nameReads).toBeLessThanOrEqual(40);
  });

  test('have a JSON Pointer as path, in which ~ and / are escaped', () => {
    expect(errorsOf([withFields({ labels: { 'a/b~c': 1 } })])[0]?.path).toBe('/0/labels/a~1b~0c');
    expect(errorsOf([withFields({ ports: [{ privatePort: 0, type: 'tcp' }] })])[0]?.path).toBe(
      '/0/ports/0/privatePort',
    );
  });

  test('have a shortened path if a key is very long', () => {
    const [error] = errorsOf([withFields({ labels: { ['k'.repeat(1_000_000)]: 1 } })]);
    expect(error?.path.length).toBeLessThan(400);
  });
});

test.each(['__proto__', 'constructor', 'toString'])(
  'a label %s survives parsing, canonical order and serialization',
  (key) => {
    const json = `[{"dockerId":"c1","name":"n","image":"i","state":"running","labels":{"${key}":"kept","a":"b"}}]`;
    const written = JSON.stringify(canonicalSnapshot(parseValid(JSON.parse(json))));
    const labels = (JSON.parse(written) as { labels: object }[])[0]!.labels;
    expect(Object.entries(labels).sort()).toEqual(
      [
        [key, 'kept'],
        ['a', 'b'],
      ].sort(),
    );
  },
);

/** Yields all strings in a JSON value, including keys. */
function* strings(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    yield key;
    yield* strings(inner);
  }
}

const isStorable = (value: string) => !value.includes('\0') && value.isWellFormed();

test('a valid snapshot is accepted', () => {
  fc.assert(
    fc.property(validSnapshot, (snapshot) => {
      expect(parseValid(snapshot)).toHaveLength(snapshot.length);
    }),
  );
});

test('PostgreSQL can store every accepted snapshot, and reparsing does not change the snapshot', () => {
  let acceptedCount = 0;
  fc.assert(
    fc.property(fc.oneof(anySnapshot, validSnapshot), (value) => {
      const parsed = parseSnapshot(value);
      if (!parsed.success) {
        expect(parsed.errors.length).toBeGreaterThan(0);
        expect(parsed.errors.length).toBeLessThanOrEqual(20);
        return;
      }
      acceptedCount++;
      expect([...strings(parsed.data)].filter((text) => !isStorable(text))).toEqual([]);
      const again = JSON.stringify(parsed.data);
      expect(JSON.stringify(parseValid(JSON.parse(again)))).toBe(again);
      expect(new Set(parsed.data.map(({ dockerId }) => dockerId)).size).toBe(parsed.data.length);
    }),
    { numRuns: 300 },
  );
  expect(acceptedCount).toBeGreaterThan(100);
});

test('parseSnapshot accepts the same snapshots as the documented schema, except for duplicate ids', () => {
  fc.assert(
    fc.property(anySnapshot, (value) => {
      const ids = value.map(({ dockerId }) => dockerId);
      fc.pre(new Set(ids).size === ids.length);
      expect(parseSnapshot(value).success).toBe(Snapshot.safeParse(value).success);
    }),
  );
});
