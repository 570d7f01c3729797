import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  canonicalContainer,
  Container,
  fitContainer,
  LABELS_BYTES_MAX,
  mergePorts,
  type ContainerInput,
  type Port,
} from '../src/index.js';
import { isNormalizedContainer } from '../src/normalized-container.js';
import {
  minimalContainer,
  oversizedContainer,
  objectWithOwnProperties,
  port,
  validSnapshot,
  withFields,
} from './arbitraries.js';

const container = (fields: Partial<ContainerInput>): Container => Container.parse(withFields(fields));
const fit = (fields: Partial<ContainerInput>): Container => fitContainer(container(fields));
const jsonRoundTrip = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const labelBytes = (labels: Record<string, string>) =>
  Object.entries(labels).reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);

const anyContainer = fc.oneof(
  oversizedContainer,
  validSnapshot.filter(({ length }) => length > 0).map((snapshot) => snapshot[0]!),
);

test('every fitted container is within all limits and has well-formed text', () => {
  fc.assert(
    fc.property(anyContainer, (input) => {
      expect(isNormalizedContainer(jsonRoundTrip(fitContainer(Container.parse(input))))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('fitting a fitted container returns the same object', () => {
  fc.assert(
    fc.property(anyContainer, (input) => {
      const once = fitContainer(Container.parse(input));
      expect(fitContainer(once)).toBe(once);
    }),
    { numRuns: 200 },
  );
});

test('the field truncated contains exactly the names of the changed fields', () => {
  fc.assert(
    fc.property(oversizedContainer, (input) => {
      const before = Container.parse(input);
      const after = fitContainer(before);
      const named = new Set<string>(after.truncated);
      for (const field of Object.keys(before) as (keyof Container)[]) {
        if (field === 'truncated') continue;
        const same =
          field === 'ports'
            ? JSON.stringify(mergePorts(before.ports)) === JSON.stringify(mergePorts(after.ports))
            : JSON.stringify(before[field]) === JSON.stringify(after[field]);
        if (!same) expect(named).toContain(field);
        else if (!(before.truncated ?? []).includes(field as 'name')) expect(named).not.toContain(field);
      }
    }),
    { numRuns: 300 },
  );
});

test('the fitted container does not depend on the order of labels and ports', () => {
  fc.assert(
    fc.property(oversizedContainer, (input) => {
      const { labels = {}, ports = [], ...rest } = input;
      const reversed = {
        ...rest,
        labels: objectWithOwnProperties(Object.entries(labels).reverse()),
        ports: [...ports].reverse(),
      };
      const [a, b] = [fitContainer(Container.parse(input)), fitContainer(Container.parse(reversed))];
      expect(JSON.stringify(canonicalContainer(b))).toBe(JSON.stringify(canonicalContainer(a)));
    }),
    { numRuns: 100 },
  );
});

describe.each([
  ['name', 1_024],
  ['image', 1_024],
  ['imageId', 1_024],
  ['command', 4_096],
  ['state', 32],
  ['status', 255],
] as const)('%s', (field, max) => {
  test(`is truncated to ${max} characters`, () => {
    expect(fit({ [field]: 'x'.repeat(max) })).not.toHaveProperty('truncated');
    expect(fit({ [field]: 'x'.repeat(max + 1) })).toMatchObject({ [field]: 'x'.repeat(max), truncated: [field] });
  });

  test('is truncated before a surrogate pair that would otherwise be split', () => {
    expect(fit({ [field]: `${'x'.repeat(max - 1)}🐳` })).toMatchObject({ [field]: 'x'.repeat(max - 1) });
  });
});

describe('labels', () => {
  test('with too long a key are dropped, because shortened keys could collide', () => {
    const long = 'k'.repeat(257);
    const fitted = fit({ labels: { [`${long}1`]: 'a', [`${long}2`]: 'b', ['k'.repeat(256)]: 'c', a: 'd' } });
    expect(Object.entries(fitted.labels)).toEqual([
      ['a', 'd'],
      ['k'.repeat(256), 'c'],
    ]);
    expect(fitted.truncated).toEqual(['labels']);
  });

  test('have their values truncated before any label is dropped', () => {
    const labels = { a: 'x'.repeat(100_000), b: 'y'.repeat(100_000), c: 'z' };
    expect(fit({ labels }).labels).toEqual({ a: 'x'.repeat(4_096), b: 'y'.repeat(4_096), c: 'z' });
  });

  test('of more than 64 KiB are reduced by dropping the last labels in key order', () => {
    const keys = Array.from({ length: 20 }, (_, i) => String.fromCharCode(97 + i));
    const labels = Object.fromEntries(keys.toReversed().map((key) => [key, '€'.repeat(1_365)]));
    const fitted = fit({ labels });
    expect(Object.keys(fitted.labels)).toEqual(keys.slice(0, 16));
    expect(labelBytes(fitted.labels)).toBeLessThanOrEqual(LABELS_BYTES_MAX);
    expect(labelBytes(fitted.labels) + 4_096).toBeGreaterThan(LABELS_BYTES_MAX);
  });

  test('are kept up to exactly 64 KiB', () => {
    const labels = Object.fromEntries(
      Array.from({ length: 16 }, (_, i) => [String.fromCharCode(97 + i), 'x'.repeat(4_095)]),
    );
    expect(labelBytes(labels)).toBe(LABELS_BYTES_MAX);
    expect(fit({ labels })).not.toHaveProperty('truncated');
    expect(fit({ labels: { ...labels, q: '' } }).truncated).toEqual(['labels']);
  });

  test('are limited to 4,096', () => {
    const labels = Object.fromEntries(Array.from({ length: 4_097 }, (_, i) => [`k${String(i).padStart(4, '0')}`, '']));
    const fitted = fit({ labels });
    expect(Object.keys(fitted.labels)).toHaveLength(4_096);
    expect(fitted.labels).not.toHaveProperty('k4096');
  });

  test('keep the key __proto__', () => {
    const labels = objectWithOwnProperties([
      ['__proto__', 'kept'],
      ['z', 'x'.repeat(5_000)],
    ]);
    expect(Object.entries(fit({ labels }).labels)).toContainEqual(['__proto__', 'kept']);
  });
});

describe('ports', () => {
  const publishedPorts = (length: number, step: number): Port[] =>
    Array.from({ length }, (_, i) => ({ ip: '::', privatePort: i * step + 1, publicPort: i * step + 1, type: 'udp' }));

  test('above the limit are merged into ranges without loss', () => {
    const fitted = fit({ ports: publishedPorts(40_000, 1) });
    expect(fitted.ports).toEqual([{ ip: '::', privatePort: 1, publicPort: 1, type: 'udp', count: 40_000 }]);
    expect(fitted).not.toHaveProperty('truncated');
  });

  test('above the limit that are not consecutive are dropped', () => {
    const ports = publishedPorts(5_000, 2);
    expect(fit({ ports: ports.toReversed() })).toMatchObject({ ports: ports.slice(0, 4_096), truncated: ['ports'] });
  });

  test('are not merged for an API that does not accept ranges', () => {
    const ports = publishedPorts(5_000, 1);
    const fitted = fitContainer(container({ ports }), { portRanges: false });
    expect(fitted).toMatchObject({ ports: ports.slice(0, 4_096), truncated: ['ports'] });
  });

  test('have addresses of at most 64 characters', () => {
    const fitted = fit({ ports: [{ ip: 'f'.repeat(65), privatePort: 1, type: 'tcp' }] });
    expect(fitted).toMatchObject({ ports: [{ ip: 'f'.repeat(64) }], truncated: ['ports'] });
  });
});

describe('mergePorts', () => {
  /** Expands all ranges into single ports. */
  const expandRanges = (ports: readonly Port[]) =>
    ports
      .flatMap(({ count = 1, ...first }) =>
        Array.from({ length: count }, (_, i) =>
          JSON.stringify([
            first.ip ?? null,
            first.type,
            first.privatePort + i,
            first.publicPort === undefined ? null : first.publicPort + i,
          ]),
        ),
      )
      .sort();

  test('returns entries that describe exactly the same ports, and is idempotent', () => {
    fc.assert(
      fc.property(fc.array(port, { maxLength: 12 }), (ports) => {
        const merged = mergePorts(ports);
        expect(expandRanges(merged)).toEqual(expandRanges(ports));
        expect(mergePorts(merged)).toEqual(merged);
      }),
      { numRuns: 500 },
    );
  });

  test('does not merge ports whose offsets, addresses or protocols differ', () => {
    const ports: Port[] = [
      { privatePort: 80, type: 'tcp' },
      { privatePort: 81, publicPort: 81, type: 'tcp' },
      { privatePort: 82, publicPort: 90, type: 'tcp' },
      { ip: '::', privatePort: 83, publicPort: 83, type: 'tcp' },
      { privatePort: 84, publicPort: 84, type: 'udp' },
    ];
    expect(mergePorts(ports)).toEqual(ports);
  });
});

test('a container of 10 MiB is fitted within two seconds', () => {
  const labels = Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`key-${i}`, 'a value of some length']));
  const large = Container.parse({ ...minimalContainer, labels });
  const start = performance.now();
  fitContainer(large);
  expect(performance.now() - start).toBeLessThan(2_000);
});
