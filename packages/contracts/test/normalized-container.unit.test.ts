import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Container, fitContainer, parseContainer } from '../src/index.js';
import { isNormalizedContainer } from '../src/normalized-container.js';
import { anySnapshot, objectWithOwnProperties, validSnapshot } from './arbitraries.js';

const jsonRoundTrip = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const parseValid = (value: unknown) => {
  const parsed = parseContainer(value);
  if (!parsed.success) throw new Error(parsed.error.message);
  return parsed.data;
};

const plain: Container = {
  dockerId: 'a',
  name: 'web',
  image: 'nginx',
  imageId: null,
  command: '',
  state: 'running',
  status: 'Up 5 minutes',
  ports: [{ privatePort: 80, type: 'tcp' }],
  labels: objectWithOwnProperties([['__proto__', 'x']]),
  startedAt: '2026-03-01T12:00:00.000Z',
};

describe('a normalized container', () => {
  test('is recognized only if the schema returns it unchanged', () => {
    fc.assert(
      fc.property(anySnapshot, (snapshot) => {
        for (const item of jsonRoundTrip(snapshot) as unknown[]) {
          if (!isNormalizedContainer(item)) continue;
          const parsed = Container.parse(item);
          expect(parsed).toEqual(item);
          expect(fitContainer(parsed)).toBe(parsed);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test('is recognized if it is a result of the schema', () => {
    fc.assert(
      fc.property(validSnapshot, (snapshot) => {
        for (const item of snapshot) expect(isNormalizedContainer(jsonRoundTrip(parseValid(item)))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each<[what: string, changes: object]>([
    ['an extra field', { more: 1 }],
    ['a missing field', { startedAt: undefined }],
    ['an empty name', { name: '' }],
    ['a name that is too long', { name: 'n'.repeat(1_025) }],
    ['a NUL', { command: '\0' }],
    ['a lone surrogate', { status: '\uD800' }],
    ['an upper-case state', { state: 'Running' }],
    ['a state that is too long', { state: 's'.repeat(33) }],
    ['a status that is too long', { status: 's'.repeat(256) }],
    ['a bad id', { dockerId: 'a b' }],
    ['a label that is not a string', { labels: { a: 1 } }],
    ['labels in an array', { labels: [] }],
    ['a NUL in a label key', { labels: { '\0': '' } }],
    ['a port of another type', { ports: [{ privatePort: 80, type: 'TCP' }] }],
    ['a port with an extra field', { ports: [{ privatePort: 80, type: 'tcp', name: 'http' }] }],
    ['port 0', { ports: [{ privatePort: 0, type: 'tcp' }] }],
    ['a fractional port', { ports: [{ privatePort: 80, publicPort: 80.5, type: 'tcp' }] }],
    ['an address that is too long', { ports: [{ ip: '1'.repeat(65), privatePort: 80, type: 'tcp' }] }],
    ['an instant in another form', { startedAt: '2026-03-01T12:00:00Z' }],
    ['an instant with an offset', { startedAt: '2026-03-01T12:00:00.000+01:00' }],
    ['a day that does not exist', { startedAt: '2026-02-31T12:00:00.000Z' }],
    ['the year 0', { startedAt: '0000-03-01T12:00:00.000Z' }],
    ['an image id that is not a string', { imageId: 7 }],
    ['an image id that is too long', { imageId: 'i'.repeat(1_025) }],
    ['a command that is too long', { command: 'c'.repeat(4_097) }],
    ['a label key that is too long', { labels: { ['k'.repeat(257)]: '' } }],
    ['a label value that is too long', { labels: { k: 'v'.repeat(4_097) } }],
    ['too many labels', { labels: Object.fromEntries(Array.from({ length: 4_097 }, (_, i) => [`${i}`, ''])) }],
    [
      'labels of more than 64 KiB',
      { labels: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`${i}`, 'é'.repeat(2_048)])) },
    ],
    ['too many ports', { ports: Array.from({ length: 4_097 }, (_, i) => ({ privatePort: 2 * i + 1, type: 'tcp' })) }],
    ['a port count of 1', { ports: [{ privatePort: 80, type: 'tcp', count: 1 }] }],
    ['a port count beyond the last port', { ports: [{ privatePort: 65_535, type: 'tcp', count: 2 }] }],
    ['an empty list of shortened fields', { truncated: [] }],
    ['shortened fields in another order', { truncated: ['labels', 'command'] }],
    ['a repeated name in the list of shortened fields', { truncated: ['labels', 'labels'] }],
    ['an unknown name in the list of shortened fields', { truncated: ['unheard-of'] }],
  ])('is not recognized with %s', (_what, changes) => {
    expect(isNormalizedContainer(plain)).toBe(true);
    expect(isNormalizedContainer(jsonRoundTrip({ ...plain, ...changes }))).toBe(false);
  });

  test.each([null, undefined, 7, 'a', [], {}])('cannot be %j', (value) => {
    expect(isNormalizedContainer(value)).toBe(false);
    expect(parseContainer(value).success).toBe(false);
  });
});
