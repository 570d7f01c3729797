import { expect, test } from '@jest/globals';
import { Container, parseContainer, type ContainerInput } from '@muster/contracts';
import fc from 'fast-check';
import { toContainerRow } from '../src/services/sync/container-row.js';
import { diffSnapshot, isSameContainer } from '../src/services/sync/diff-snapshot.js';
import { container } from './fixtures.js';

const parsed = (changes: Partial<ContainerInput> = {}) => Container.parse(container('a', changes));
const digestOf = (changes?: Partial<ContainerInput>): string => toContainerRow(parsed(changes)).digest;

test.each<[what: string, changes: Partial<ContainerInput>, digest: string]>([
  ['an ordinary container', {}, 'YdT+RRe2a/RAPHOzyjC9E/A/9UiivwEOXEGm/O9C6+s='],
  [
    'a container with empty fields',
    { imageId: null, ports: [], labels: {}, startedAt: null },
    'MjWxz1A7A8pngkEwnckanDGdu2QlyTO0H6cAOWUQoBE=',
  ],
  [
    'a container with several ports, one of them with a count, and several labels',
    {
      ports: [
        { privatePort: 443, type: 'tcp' },
        { ip: '::', privatePort: 53, publicPort: 5300, type: 'udp', count: 3 },
      ],
      labels: { tier: 'web', 10: 'é🐳', __proto__x: '' },
    },
    'U7WJq7CYeXP07vcMzsAU0IB+hblQkmpNiKKyw/MYf+A=',
  ],
  [
    'a container with shortened fields',
    { truncated: ['command', 'labels'] },
    'ZMOKiQ88op63rgbnof/1VFPOlM4FD5JjORNHp73un5s=',
  ],
])(
  'the digest of %s is the same as in the first release, so an upgrade rewrites rows only if the derivation changes',
  (...row) => {
    const [, changes, digest] = row;
    expect(toContainerRow(parsed(changes), { version: 1 }).digest).toBe(digest);
  },
);

test('a new version of the derivation changes digests, so that health, exit code and workload are derived again', () => {
  const earlier = toContainerRow(parsed(), { version: 1 });
  const later = toContainerRow(parsed(), { version: 2 });
  expect(later.digest).toBe('j3TwfZiay1SQLu0tb/NZRsmli0IBblK1GQF9Zoo9Tnc=');
  const before = { dockerId: 'a', equal: false, removed: false, row: { ...earlier, health: null } } as const;
  expect(diffSnapshot([before], [later], { complete: true }).patches).toMatchObject([{ health: 'healthy' }]);
});

test('containers that differ only in the order of ports and labels have the same digest', () => {
  const ports = [
    { privatePort: 80, type: 'tcp' as const },
    { privatePort: 53, type: 'udp' as const },
  ];
  const digest = digestOf({ ports, labels: { a: '1', b: '2' } });
  expect(digestOf({ ports: ports.toReversed(), labels: { b: '2', a: '1' } })).toBe(digest);
  expect(digestOf({ ports, labels: { a: '1', b: '3' } })).not.toBe(digest);
});

/** Values that two containers often share, so that only some of their fields differ. */
const text = fc.constantFrom('a', 'b', '1:a', '-', 'é🐳');
const fields = {
  name: text,
  image: text,
  imageId: fc.option(text),
  command: fc.oneof(text, fc.constant('')),
  state: fc.constantFrom('running', 'exited', 'hibernating'),
  status: fc.constantFrom('', 'Up 5 minutes', 'Up 6 minutes (healthy)'),
  ports: fc.array(
    fc.record(
      {
        ip: fc.constantFrom('', '0.0.0.0', '::'),
        privatePort: fc.constantFrom(80, 81),
        publicPort: fc.constantFrom(80, 8080),
        type: fc.constantFrom('tcp', 'udp'),
        count: fc.constantFrom(2, 3),
      },
      { requiredKeys: ['privatePort', 'type'] },
    ),
    { maxLength: 3 },
  ),
  labels: fc.dictionary(fc.oneof(text, fc.constantFrom('constructor', '__proto__', '10')), text, { maxKeys: 3 }),
  startedAt: fc.option(fc.constantFrom('2026-03-01T11:00:00Z', '2026-03-01T12:00:00Z')),
  truncated: fc.subarray(['name', 'command', 'labels', 'ports'] as const).map((names) => [...names]),
};
const input = fc.record(fields).map((value) => ({ dockerId: 'a', ...value }));

test('two containers are equal if and only if their digests are equal', () => {
  const names = Object.keys(fields) as (keyof typeof fields)[];
  const parse = (value: object): Container => parseContainer(JSON.parse(JSON.stringify(value))).data!;
  fc.assert(
    fc.property(input, input, fc.subarray(names, { maxLength: 3 }), (one, other, changed) => {
      const two = { ...one, ...Object.fromEntries(changed.map((name) => [name, other[name]])) };
      // `toContainerRow` modifies its argument.
      const [a, b] = [toContainerRow(parse(one)), toContainerRow(parse(two))];
      expect(isSameContainer(parse(one), parse(two))).toBe(a.digest === b.digest);
    }),
    { numRuns: 2_000 },
  );
});
