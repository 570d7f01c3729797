import { describe, expect, test } from '@jest/globals';
import type { z } from 'zod';
import {
  CONTAINER_SORT_KEYS,
  ContainerQuery,
  EnrollmentTokenQuery,
  EventKind,
  EventQuery,
  HostQuery,
  parseWith,
} from '../src/index.js';

const HOST = '0b8f1f0e-6a5b-4c3d-9e2f-1a2b3c4d5e6f';
const OTHER = '1b8f1f0e-6a5b-4c3d-9e2f-1a2b3c4d5e6f';

function parseValid<S extends z.ZodType>(schema: S, query: unknown): z.output<S> {
  const parsed = parseWith(schema, query);
  if (!parsed.success) throw new Error(`refused: ${JSON.stringify(parsed.errors)}`);
  return parsed.data;
}
function refusedPaths(schema: z.ZodType, query: unknown): string[] {
  const parsed = parseWith(schema, query);
  return parsed.success ? [] : parsed.errors.map((error) => error.path);
}

describe.each([
  ['containers', ContainerQuery],
  ['hosts', HostQuery],
  ['enrollment tokens', EnrollmentTokenQuery],
  ['events', EventQuery],
])('a list of %s', (_, schema) => {
  test('has 50 items per page by default', () => {
    expect(parseValid(schema, {})).toMatchObject({ limit: 50 });
  });

  test.each(['1', '50', '200'])('accepts limit=%s', (limit) => {
    expect(parseValid(schema, { limit })).toMatchObject({ limit: Number(limit) });
  });

  test.each(['0', '201', '-1', '1.5', '', 'all', '1e2', '9999999999', ['1', '2']])('refuses limit=%j', (limit) => {
    expect(refusedPaths(schema, { limit })).toEqual(['/limit']);
  });

  test('accepts one cursor of 1 to 4,096 characters', () => {
    expect(parseValid(schema, { cursor: 'x'.repeat(4_096) })).toMatchObject({ cursor: 'x'.repeat(4_096) });
    for (const cursor of ['', 'x'.repeat(4_097), ['a', 'b']])
      expect(refusedPaths(schema, { cursor })).toEqual(['/cursor']);
  });

  test('rejects each unknown parameter with its name', () => {
    expect(parseWith(schema, { stats: 'running', 'a/b': '1' })).toEqual({
      success: false,
      errors: [
        { path: '/stats', message: 'is not recognized' },
        { path: '/a~1b', message: 'is not recognized' },
      ],
    });
  });

  test('rejects a parameter with the name of a prototype property', () => {
    expect(refusedPaths(schema, JSON.parse('{"constructor":"x"}'))).toEqual(['/constructor']);
  });
});

test('at most 20 unknown parameters are reported', () => {
  const query = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x${i}`, '']));
  expect(refusedPaths(HostQuery, query)).toHaveLength(20);
});

describe('a query of containers', () => {
  test('by default selects the present containers, sorted by name', () => {
    expect(parseValid(ContainerQuery, {})).toEqual({
      presence: 'present',
      infra: false,
      sort: { key: 'name', descending: false },
      limit: 50,
      count: false,
    });
  });

  test.each([
    ['hostId', HOST, OTHER],
    ['hostFreshness', 'stale', 'engine_down'],
    ['state', 'running', 'a newer state'],
    ['health', 'healthy', 'starting'],
    ['image', 'nginx', 'redis:7'],
  ])('filters by %s, once or repeated', (field, a, b) => {
    expect(parseValid(ContainerQuery, { [field]: a })).toMatchObject({ [field]: [a] });
    expect(parseValid(ContainerQuery, { [field]: [a, b] })).toMatchObject({ [field]: [a, b] });
  });

  test.each([
    ['hostId', 'x'],
    ['hostFreshness', 'never'],
    ['state', 'Running'],
    ['state', ''],
    ['health', 'sick'],
    ['image', ''],
    ['image', 'x'.repeat(1_025)],
    ['label', ''],
  ])('refuses %s=%s', (field, value) => {
    expect(refusedPaths(ContainerQuery, { [field]: value })).toEqual([`/${field}/0`]);
    expect(refusedPaths(ContainerQuery, { [field]: ['running', value] })).toContain(`/${field}/1`);
  });

  test('accepts up to 50 values of a filter', () => {
    expect(parseValid(ContainerQuery, { state: Array.from({ length: 50 }, () => 'running') }).state).toHaveLength(50);
    expect(refusedPaths(ContainerQuery, { state: Array.from({ length: 51 }, () => 'running') })).toEqual(['/state']);
  });

  test.each([
    ['tier', { key: 'tier', value: null }],
    ['tier=web', { key: 'tier', value: 'web' }],
    ['tier=', { key: 'tier', value: '' }],
    ['opts=a=b', { key: 'opts', value: 'a=b' }],
    ['=x', { key: '', value: 'x' }],
    ['__proto__=x', { key: '__proto__', value: 'x' }],
  ])('filters by label=%s', (label, filter) => {
    expect(parseValid(ContainerQuery, { label }).label).toEqual([filter]);
  });

  test('filters by several labels', () => {
    expect(parseValid(ContainerQuery, { label: ['a', 'b=c'] }).label).toEqual([
      { key: 'a', value: null },
      { key: 'b', value: 'c' },
    ]);
  });

  test.each(['image', 'label', 'q'])('refuses a NUL in %s', (field) => {
    expect(refusedPaths(ContainerQuery, { [field]: 'a\0' })).toHaveLength(1);
  });

  test('accepts one search text of 1 to 1,024 characters', () => {
    expect(parseValid(ContainerQuery, { q: 'x'.repeat(1_024) }).q).toHaveLength(1_024);
    for (const q of ['', 'x'.repeat(1_025), ['a', 'b']]) expect(refusedPaths(ContainerQuery, { q })).toEqual(['/q']);
  });

  test.each(['present', 'removed', 'all'])('accepts presence=%s', (presence) => {
    expect(parseValid(ContainerQuery, { presence }).presence).toBe(presence);
  });

  test.each(CONTAINER_SORT_KEYS)('sorts the containers of a host by %s in both directions', (key) => {
    expect(parseValid(ContainerQuery, { sort: key, hostId: HOST }).sort).toEqual({ key, descending: false });
    expect(parseValid(ContainerQuery, { sort: `-${key}`, hostId: HOST }).sort).toEqual({ key, descending: true });
  });

  test.each(['name', 'image', 'firstSeenAt'])('sorts the containers of all hosts by %s', (sort) => {
    expect(parseValid(ContainerQuery, { sort }).sort).toEqual({ key: sort, descending: false });
  });

  test.each(['state', '-state', 'changedAt', '-changedAt'])('refuses sort=%s without a host', (sort) => {
    expect(refusedPaths(ContainerQuery, { sort })).toEqual(['/sort']);
  });

  test.each(['status', '--name', '+name', '-', '', 'Name', ['name', 'image']])('refuses sort=%j', (sort) => {
    expect(refusedPaths(ContainerQuery, { sort })).toEqual(['/sort']);
  });

  test.each(['gone', '', 'PRESENT'])('refuses presence=%s', (presence) => {
    expect(refusedPaths(ContainerQuery, { presence })).toEqual(['/presence']);
  });
});

describe('a query of events', () => {
  test('filters by host, container, name, kind and time', () => {
    const query = {
      hostId: HOST,
      dockerId: 'c1',
      name: ['web', 'db'],
      kind: 'exited',
      since: '2026-01-31T12:00:00+01:00',
    };
    expect(parseValid(EventQuery, query)).toEqual({
      hostId: [HOST],
      dockerId: ['c1'],
      name: ['web', 'db'],
      kind: ['exited'],
      since: '2026-01-31T11:00:00.000Z',
      limit: 50,
    });
  });

  test.each(EventKind.options)('filters by kind=%s', (kind) => {
    expect(parseValid(EventQuery, { kind }).kind).toEqual([kind]);
  });

  test.each([
    ['hostId', 'x', '/hostId/0'],
    ['dockerId', 'a b', '/dockerId/0'],
    ['name', '', '/name/0'],
    ['kind', 'exploded', '/kind/0'],
    ['since', 'yesterday', '/since'],
    ['since', ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00Z'], '/since'],
  ])('refuses %s=%j', (field, value, path) => {
    expect(refusedPaths(EventQuery, { [field]: value })).toEqual([path]);
  });
});
