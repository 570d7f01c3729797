import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  canonicalContainer,
  canonicalLabels,
  canonicalSnapshot,
  comparePorts,
  Container,
  parseSnapshot,
  type Snapshot,
} from '../src/index.js';
import { minimalContainer, objectWithOwnProperties, port, validSnapshot } from './arbitraries.js';

const snapshot: fc.Arbitrary<Snapshot> = validSnapshot.map((value) => {
  const parsed = parseSnapshot(value);
  if (!parsed.success) throw new Error(`refused: ${JSON.stringify(parsed.errors)}`);
  return parsed.data;
});

const shuffled = <T>(items: readonly T[]): fc.Arbitrary<T[]> =>
  fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length });

/** Shuffles the containers, ports, labels and fields of a snapshot. */
const reordered = (containers: Snapshot): fc.Arbitrary<Snapshot> =>
  shuffled(containers).chain((order) =>
    fc.tuple(
      ...order.map((container) =>
        fc
          .tuple(
            shuffled(container.ports),
            shuffled(Object.entries(container.labels)),
            shuffled(Object.keys(container)),
          )
          .map(([ports, labels, fields]) => {
            const same = { ...container, ports, labels: objectWithOwnProperties(labels) };
            return Object.fromEntries(fields.map((field) => [field, same[field as keyof Container]])) as Container;
          }),
      ),
    ),
  );

const bytes = (containers: Snapshot) => JSON.stringify(canonicalSnapshot(containers));

test('any order of containers, ports, labels and fields gives identical bytes', () => {
  fc.assert(
    fc.property(
      snapshot.chain((containers) => fc.tuple(fc.constant(containers), reordered(containers))),
      ([containers, other]) => {
        expect(bytes(other)).toBe(bytes(containers));
      },
    ),
    { numRuns: 300 },
  );
});

test('canonical order is idempotent, including after JSON serialization', () => {
  fc.assert(
    fc.property(snapshot, (containers) => {
      expect(bytes(canonicalSnapshot(containers))).toBe(bytes(containers));
      expect(bytes(JSON.parse(bytes(containers)) as Snapshot)).toBe(bytes(containers));
    }),
  );
});

test('canonical order neither loses nor adds data', () => {
  fc.assert(
    fc.property(snapshot, (containers) => {
      const byId = new Map(canonicalSnapshot(containers).map((container) => [container.dockerId, container]));
      expect(byId.size).toBe(containers.length);
      for (const { ports, ...rest } of containers) {
        const same = byId.get(rest.dockerId)!;
        // Canonical bytes omit a fact that was not reported.
        for (const name of ['exit', 'oomKilled', 'restartCount', 'imageDigest'] as const) rest[name] ??= undefined;
        expect(same).toEqual({ ...rest, ports: expect.any(Array) });
        expect(same.ports).toHaveLength(ports.length);
        expect(same.ports).toEqual(expect.arrayContaining(ports));
      }
    }),
  );
});

// An agent and an API of different versions compare the canonical bytes of containers, so the bytes must not change.
test('the canonical form of a container begins with the same bytes in all versions', () => {
  const container = Container.parse({
    truncated: ['labels'],
    startedAt: '2026-03-01T12:55:00+01:00',
    labels: { tier: 'web', B: '1', a: '2' },
    ports: [
      { type: 'udp', privatePort: 53, count: 3, publicPort: 5300, ip: '::' },
      { type: 'tcp', privatePort: 443 },
      { privatePort: 53, type: 'tcp', ip: '0.0.0.0', count: 1 },
    ],
    status: 'Up 5 minutes',
    state: 'running',
    command: 'nginx',
    imageId: null,
    image: 'nginx:1',
    name: 'web',
    dockerId: 'a',
  });
  const firstFields =
    '{"dockerId":"a","name":"web","image":"nginx:1","imageId":null,"command":"nginx","state":"running",' +
    '"status":"Up 5 minutes","ports":[{"ip":"0.0.0.0","privatePort":53,"type":"tcp"},' +
    '{"ip":"::","privatePort":53,"publicPort":5300,"type":"udp","count":3},{"privatePort":443,"type":"tcp"}],' +
    '"labels":{"B":"1","a":"2","tier":"web"},"startedAt":"2026-03-01T11:55:00.000Z","truncated":["labels"]';
  expect(JSON.stringify(canonicalContainer(container)).slice(0, firstFields.length)).toBe(firstFields);
});

test('canonicalSnapshot does not modify its input', () => {
  const container = Container.parse({
    ...minimalContainer,
    ports: [
      { privatePort: 2, type: 'tcp' },
      { privatePort: 1, type: 'tcp' },
    ],
  });
  const before = JSON.stringify(container);
  canonicalSnapshot([container]);
  expect(JSON.stringify(container)).toBe(before);
});

test('containers are sorted by dockerId in code unit order', () => {
  const ids = ['b', 'a', 'B', '_', '10', '9'].map((dockerId) => Container.parse({ ...minimalContainer, dockerId }));
  expect(canonicalSnapshot(ids).map(({ dockerId }) => dockerId)).toEqual(['10', '9', 'B', '_', 'a', 'b']);
});

test('the canonical form of a container omits unknown fields', () => {
  const extra = { ...Container.parse(minimalContainer), secret: 'x' };
  expect(Object.keys(canonicalContainer(extra))).not.toContain('secret');
});

test('ports are sorted by private port, type, address and public port', () => {
  const inOrder = [
    { privatePort: 53, type: 'tcp' },
    { ip: '', privatePort: 53, type: 'tcp' },
    { ip: '0.0.0.0', privatePort: 53, publicPort: 1, type: 'tcp' },
    { ip: '0.0.0.0', privatePort: 53, publicPort: 2, type: 'tcp' },
    { ip: '::', privatePort: 53, publicPort: 1, type: 'tcp' },
    { privatePort: 53, type: 'udp' },
    { privatePort: 100, type: 'sctp' },
  ] as const;
  expect([...inOrder].reverse().sort(comparePorts)).toEqual(inOrder);
});

test('comparePorts is a total order and returns 0 only for equal ports', () => {
  const equal = (a: object, b: object) =>
    JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
  fc.assert(
    fc.property(port, port, port, (a, b, c) => {
      // `+ 0` because `toBe` distinguishes -0 from 0.
      expect(Math.sign(comparePorts(a, b)) + 0).toBe(-Math.sign(comparePorts(b, a)) + 0);
      expect(comparePorts(a, b) === 0).toBe(equal(a, b));
      if (comparePorts(a, b) <= 0 && comparePorts(b, c) <= 0) expect(comparePorts(a, c)).toBeLessThanOrEqual(0);
    }),
    { numRuns: 500 },
  );
});

test('labels are sorted in code unit order and keep __proto__', () => {
  const labels = objectWithOwnProperties([
    ['b', '1'],
    ['__proto__', '2'],
    ['B', '3'],
    ['a', '4'],
  ]);
  expect(JSON.stringify(canonicalLabels(labels))).toBe('{"B":"3","__proto__":"2","a":"4","b":"1"}');
});
