import { describe, expect, test } from '@jest/globals';
import { Container, DOCKER_STATES, parseWith } from '../src/index.js';
import { minimalContainer, withFields } from './arbitraries.js';

const parse = (fields: Record<string, unknown>) => parseWith(Container, withFields(fields));
const parseValid = (fields: Record<string, unknown>): Container => {
  const parsed = parse(fields);
  if (!parsed.success) throw new Error(`refused: ${JSON.stringify(parsed.errors)}`);
  return parsed.data;
};
const refusedPaths = (fields: Record<string, unknown>): string[] => {
  const parsed = parse(fields);
  return parsed.success ? [] : parsed.errors.map((error) => error.path);
};

test('a container with only the required fields gets defaults for all other fields', () => {
  expect(Container.parse(minimalContainer)).toEqual({
    ...minimalContainer,
    imageId: null,
    command: '',
    status: '',
    ports: [],
    labels: {},
    startedAt: null,
  });
});

test('the defaults for ports and labels are not shared between containers', () => {
  const [a, b] = [Container.parse(minimalContainer), Container.parse(minimalContainer)];
  expect(a.ports).not.toBe(b.ports);
  expect(a.labels).not.toBe(b.labels);
});

test.each(['dockerId', 'name', 'image', 'state'])('%s is required', (field) => {
  expect(refusedPaths({ [field]: undefined })).toEqual([`/${field}`]);
  expect(refusedPaths({ [field]: null })).toEqual([`/${field}`]);
});

test('unknown keys of a container and of a port are ignored', () => {
  const container = parseValid({ newerThanUs: { deep: [1] }, ports: [{ privatePort: 80, type: 'tcp', newer: true }] });
  expect(Object.keys(container)).not.toContain('newerThanUs');
  expect(container.ports).toEqual([{ privatePort: 80, type: 'tcp' }]);
});

test.each([0, 129])('dockerId rejects %d characters', (length) => {
  expect(refusedPaths({ dockerId: 'x'.repeat(length) })).toEqual(['/dockerId']);
});

describe.each([
  ['dockerId', 1, 128],
  ['name', 1, 100_000],
  ['image', 1, 100_000],
  ['imageId', 0, 100_000],
  ['command', 0, 100_000],
  ['state', 1, 100_000],
  ['status', 0, 100_000],
])('%s', (field, min, max) => {
  test(`accepts ${min} to ${max} characters`, () => {
    for (const length of [min, max]) {
      const value = 'x'.repeat(length);
      expect(parseValid({ [field]: value })).toMatchObject({ [field]: value });
    }
  });

  test(`${min > 0 ? 'refuses' : 'accepts'} an empty string`, () => {
    expect(refusedPaths({ [field]: '' })).toEqual(min > 0 ? [`/${field}`] : []);
  });

  test.each([7, true, {}, ['x']])('refuses %j', (value) => {
    expect(refusedPaths({ [field]: value })).toEqual([`/${field}`]);
  });
});

test('imageId and startedAt may be null, but command and status may not', () => {
  expect(parseValid({ imageId: null, startedAt: null })).toMatchObject({ imageId: null, startedAt: null });
  expect(refusedPaths({ command: null, status: null })).toEqual(['/command', '/status']);
});

test.each(['a b', 'a/b', 'a:b', 'ä', 'a\n', ' a', ''])('dockerId refuses %j', (dockerId) => {
  expect(refusedPaths({ dockerId })).toEqual(['/dockerId']);
});

test('dockerId accepts all allowed characters', () => {
  expect(parseValid({ dockerId: 'AZaz09_.-' }).dockerId).toBe('AZaz09_.-');
});

test.each([...DOCKER_STATES, 'stopped', 'initialized', 'a state of tomorrow'])(
  'state %j is kept unchanged',
  (state) => {
    expect(parseValid({ state }).state).toBe(state);
  },
);

test.each(['Running', 'EXITED', 'É'])('state %j, which is not lowercase, is rejected', (state) => {
  expect(refusedPaths({ state })).toEqual(['/state']);
});

describe('ports', () => {
  test('have an address and a public port only if they are published', () => {
    const ports = [
      { ip: '::', privatePort: 80, publicPort: 8080, type: 'tcp' },
      { privatePort: 53, type: 'udp' },
      { privatePort: 9, type: 'sctp' },
    ];
    expect(parseValid({ ports }).ports).toEqual(ports);
  });

  test.each([1, 65_535])('can have the number %d', (number) => {
    expect(parseValid({ ports: [{ privatePort: number, publicPort: number, type: 'tcp' }] }).ports).toHaveLength(1);
  });

  test.each([0, -1, 65_536, 1.5, '80', null, Number.NaN])('cannot have the number %j', (number) => {
    const paths = refusedPaths({ ports: [{ privatePort: number, publicPort: number, type: 'tcp' }] });
    expect(paths).toEqual(['/ports/0/privatePort', '/ports/0/publicPort']);
  });

  test.each(['icmp', 'TCP', '', null, undefined])('cannot have the type %j', (type) => {
    expect(refusedPaths({ ports: [{ privatePort: 80, type }] })).toEqual(['/ports/0/type']);
  });

  test('can have any string as address', () => {
    const ports = [{ ip: 'f'.repeat(65), privatePort: 1, type: 'tcp' }];
    expect(parseValid({ ports }).ports).toEqual(ports);
    expect(refusedPaths({ ports: [{ ip: null, privatePort: 1, type: 'tcp' }] })).toEqual(['/ports/0/ip']);
  });

  test.each([null, {}, 'none', 0])('must be an array, not %j', (ports) => {
    expect(refusedPaths({ ports })).toEqual(['/ports']);
  });

  test.each([null, 'x', 7, []])('must be objects, not %j', (port) => {
    expect(parse({ ports: [port] }).success).toBe(false);
  });

  test('can be 40,000 entries, one for each port of a published range', () => {
    const ports = Array.from({ length: 40_000 }, (_, i) => ({ privatePort: i + 1, type: 'udp' }));
    expect(parseValid({ ports }).ports).toEqual(ports);
  });

  test('can have a count of consecutive ports, which is omitted if it is 1', () => {
    const ports = [
      { privatePort: 80, type: 'tcp', count: 1 },
      { privatePort: 100, publicPort: 1_000, type: 'udp', count: 64_536 },
    ];
    expect(parseValid({ ports }).ports).toEqual([{ privatePort: 80, type: 'tcp' }, ports[1]]);
  });

  test.each([
    ['0', { privatePort: 80, count: 0 }],
    ['1.5', { privatePort: 80, count: 1.5 }],
    ['2 from private port 65535', { privatePort: 65_535, count: 2 }],
    ['537 from public port 65000', { privatePort: 1, publicPort: 65_000, count: 537 }],
  ])('cannot have a count of %s', (_what, port) => {
    expect(refusedPaths({ ports: [{ type: 'tcp', ...port }] })).toEqual(['/ports/0/count']);
  });

  test('are not parsed after 20 errors', () => {
    let reads = 0;
    const ports = Array.from({ length: 100_000 }, () => ({
      get privatePort() {
        reads++;
        return 0;
      },
      type: 'tcp',
    }));
    const parsed = parse({ ports });
    expect(parsed.success ? [] : parsed.errors).toHaveLength(20);
    expect(reads).toBeLessThan(100);
  });
});

describe('labels', () => {
  test('can have any strings as keys and values', () => {
    const labels = { '': '', 'a b': 'x=y', 'com.docker.compose.service': '🐳', long: 'x'.repeat(50_000) };
    expect(parseValid({ labels }).labels).toEqual(labels);
  });

  test.each([null, [], 'a=b', 3])('must be an object, not %j', (labels) => {
    expect(refusedPaths({ labels })).toEqual(['/labels']);
  });

  test.each([null, 1, true, {}, []])('must have string values, not %j', (value) => {
    expect(refusedPaths({ labels: { 'a/b~c': value } })).toEqual(['/labels/a~1b~0c']);
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype'])('keep the key %s', (key) => {
    const labels: unknown = JSON.parse(`{"${key}":"kept"}`);
    const kept = parseValid({ labels }).labels;
    expect(Object.entries(kept)).toEqual([[key, 'kept']]);
    expect(({} as Record<string, unknown>)['kept']).toBeUndefined();
  });

  test('have no prototype, so that an absent label reads as undefined', () => {
    for (const { labels } of [parseValid({ labels: { a: 'b' } }), parseValid({})]) {
      expect(labels['constructor']).toBeUndefined();
      expect(labels['__proto__']).toBeUndefined();
    }
  });
});

describe('the field truncated', () => {
  test('lists each known field once, in a fixed order', () => {
    expect(parseValid({ truncated: ['labels', 'unheard-of', 'command', 'labels'] }).truncated).toEqual([
      'command',
      'labels',
    ]);
    expect(parseValid({})).not.toHaveProperty('truncated');
  });

  test.each([null, 'command', {}, [1], [['command']]])('must be an array of strings, not %j', (truncated) => {
    expect(refusedPaths({ truncated })).toEqual(['/truncated']);
  });
});

describe('a NUL character', () => {
  test.each([
    ['/name', { name: 'a\0' }],
    ['/image', { image: '\0a' }],
    ['/imageId', { imageId: '\0' }],
    ['/command', { command: 'sh\0-c' }],
    ['/state', { state: 'run\0' }],
    ['/status', { status: '\0' }],
    ['/dockerId', { dockerId: 'a\0' }],
    ['/ports/0/ip', { ports: [{ ip: '\0', privatePort: 1, type: 'tcp' }] }],
    ['/labels/k', { labels: { k: '\0' } }],
    ['/labels/k\0', { labels: { 'k\0': 'v' } }],
  ])('is refused at %j', (path, fields) => {
    expect(refusedPaths(fields)).toEqual([path]);
  });
});

test('lone surrogates in any text become U+FFFD, and surrogate pairs are kept', () => {
  const lone = 'a\uD800b\uDC00🐳';
  const whole = 'a\uFFFDb\uFFFD🐳';
  const container = parseValid({
    name: lone,
    image: lone,
    imageId: lone,
    command: lone,
    state: lone,
    status: lone,
    ports: [{ ip: lone, privatePort: 1, type: 'tcp' }],
    labels: { [lone]: lone },
  });
  expect(container).toMatchObject({ name: whole, image: whole, imageId: whole, command: whole, state: whole });
  expect(container).toMatchObject({ status: whole, ports: [{ ip: whole }], labels: { [whole]: whole } });
});
