import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Instant } from '../src/index.js';

test.each([
  ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
  ['2026-01-31T12:00:00.5Z', '2026-01-31T12:00:00.500Z'],
  ['2026-01-31T12:00:00.123456789Z', '2026-01-31T12:00:00.123Z'],
  ['2026-01-31T12:00:00.999999999Z', '2026-01-31T12:00:00.999Z'],
  ['2026-01-31T12:00:00+05:30', '2026-01-31T06:30:00.000Z'],
  ['2026-01-31T23:30:00-01:00', '2026-02-01T00:30:00.000Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ['0000-12-31T23:30:00-01:00', '0001-01-01T00:30:00.000Z'],
  ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
])('%s is parsed as %s', (written, canonical) => {
  expect(Instant.parse(written)).toBe(canonical);
});

test.each([
  '',
  'yesterday',
  '2026-01-31',
  '2026-01-31 12:00:00Z',
  '2026-01-31T12:00:00',
  '2026-01-31T12:00Z',
  '2026-01-31T12:00:00+0530',
  '2026-01-31T12:00:00+24:00',
  '2026-01-31T24:00:00Z',
  '2026-02-29T00:00:00Z',
  '2026-04-31T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-01-31T12:00:00Z\n',
  '+012026-01-31T12:00:00Z',
  1_769_860_800_000,
  null,
])('%j is refused', (value) => {
  expect(Instant.safeParse(value).success).toBe(false);
});

test.each(['0000-06-01T00:00:00Z', '0001-01-01T00:00:00+00:01', '9999-12-31T23:59:59-00:01'])(
  '%s is refused, because it is outside the years 0001 to 9999 in UTC',
  (value) => {
    expect(Instant.safeParse(value).success).toBe(false);
  },
);

test('a canonical instant is parsed unchanged', () => {
  const min = new Date('0001-01-01T00:00:00Z');
  const max = new Date('9999-12-31T23:59:59.999Z');
  fc.assert(
    fc.property(fc.date({ min, max, noInvalidDate: true }), (date) => {
      expect(Instant.parse(date.toISOString())).toBe(date.toISOString());
    }),
  );
});

test('lowercase t and z are accepted, as RFC 3339 allows', () => {
  expect(Instant.parse('2026-01-31t12:00:00.5z')).toBe('2026-01-31T12:00:00.500Z');
});

test('an instant without seconds is rejected', () => {
  expect(Instant.safeParse('2026-01-31T12:00Z').success).toBe(false);
});

test('an offset whose + was decoded as a space is rejected with the advice to send %2B', () => {
  const { error } = Instant.safeParse('2026-01-31T12:00:00 02:00');
  expect(error?.issues.map(({ message }) => message)).toEqual([expect.stringContaining('%2B')]);
});
