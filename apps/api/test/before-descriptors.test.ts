import { expect, test } from '@jest/globals';
import { parseContainer, type Container, type ContainerInput } from '@muster/contracts';
import fc from 'fast-check';
import { toContainerRow } from '../src/services/sync/container-row.js';
import { diffSnapshot, sameContainer, type StoredContainer } from '../src/services/sync/diff-snapshot.js';
import { toContainerRow as rowBefore } from './before-descriptors/container-row.js';
import { diffSnapshot as diffBefore, sameContainer as sameBefore } from './before-descriptors/diff-snapshot.js';

/** Ports with few distinct values, so that two containers often agree in most fields. */
const port = fc.record(
  {
    ip: fc.constantFrom('', '0.0.0.0', '::'),
    privatePort: fc.constantFrom(80, 81, 82),
    publicPort: fc.constantFrom(80, 8080),
    type: fc.constantFrom('tcp', 'udp'),
    count: fc.constantFrom(1, 2, 3),
  },
  { requiredKeys: ['privatePort', 'type'] },
);
const text = fc.constantFrom('a', 'b', '1:a', '-', 'é🐳', 'x'.repeat(1_500), 'y'.repeat(5_000));
const input: fc.Arbitrary<ContainerInput> = fc.record(
  {
    dockerId: fc.constantFrom('a', 'b', 'c', 'd'),
    name: text,
    image: text,
    imageId: fc.option(text),
    command: fc.oneof(text, fc.constant('')),
    state: fc.constantFrom('created', 'running', 'paused', 'restarting', 'exited', 'dead', 'hibernating'),
    status: fc.constantFrom('', 'Up 5 minutes', 'Up 6 minutes (healthy)', 'Exited (137) 1 hour ago'),
    ports: fc.array(port, { maxLength: 4 }),
    labels: fc.dictionary(fc.oneof(text, fc.constantFrom('constructor', '__proto__', '10')), text, { maxKeys: 4 }),
    startedAt: fc.option(fc.constantFrom('2026-03-01T11:00:00Z', '2026-03-01T12:00:00Z')),
    truncated: fc.subarray(['name', 'command', 'labels', 'ports']),
  },
  { requiredKeys: ['dockerId', 'name', 'image', 'state'] },
);

/**
 * Parses a container as if it came from a request. Each implementation needs its own copy, because `toContainerRow`
 * modifies it.
 */
const parsed = (value: ContainerInput): Container => parseContainer(JSON.parse(JSON.stringify(value))).data!;

/** A container, and a copy of it with some fields of another container. */
const pair = fc
  .tuple(
    input,
    input,
    fc.subarray([
      'name',
      'image',
      'imageId',
      'command',
      'state',
      'status',
      'ports',
      'labels',
      'startedAt',
      'truncated',
    ] as const),
  )
  .map(([from, other, changed]) => {
    const picked = Object.fromEntries(changed.map((name) => [name, other[name]]));
    return [from, { ...from, ...picked, dockerId: from.dockerId }] as [ContainerInput, ContainerInput];
  });

test('rows and their digests equal those of the previous implementation', () => {
  fc.assert(
    fc.property(input, fc.constantFrom(1, 2), (value, parserVersion) => {
      const row = toContainerRow(parsed(value), { parserVersion });
      expect(row).toEqual(rowBefore(parsed(value), { parserVersion }));
    }),
    { numRuns: 2_000 },
  );
});

test('differences and events equal those of the previous implementation', () => {
  const snapshot = fc.uniqueArray(pair, { selector: ([from]) => from.dockerId, maxLength: 4 });
  const kept = fc.array(fc.constantFrom('both', 'before', 'after', 'removed', 'equal'), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(snapshot, kept, fc.boolean(), (pairs, sides, complete) => {
      const stored = pairs.flatMap(([from], index): StoredContainer[] => {
        if (sides[index] === 'after') return [];
        if (sides[index] === 'equal') return [{ dockerId: from.dockerId, equal: true }];
        const removed = sides[index] === 'removed';
        return [{ dockerId: from.dockerId, equal: false, removed, row: rowBefore(parsed(from)) }];
      });
      const after = pairs.filter((_, index) => sides[index] !== 'before').map(([, to]) => to);
      const options = { complete, removedIds: ['a'] };
      const now = diffSnapshot(
        stored,
        after.map((to) => toContainerRow(parsed(to))),
        options,
      );
      const before = diffBefore(
        stored,
        after.map((to) => rowBefore(parsed(to))),
        options,
      );
      expect(now).toEqual(before);
      for (const [from, to] of pairs) {
        expect(sameContainer(parsed(from), parsed(to))).toBe(sameBefore(parsed(from), parsed(to)));
      }
    }),
    { numRuns: 2_000 },
  );
});
