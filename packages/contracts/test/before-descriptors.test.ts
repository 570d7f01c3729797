import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  canonicalContainer,
  Container,
  CONTAINER_FIELD_NAMES,
  CONTAINER_PARSER_VERSION,
  fitContainer,
  TRUNCATABLE_FIELDS,
} from '../src/index.js';
import { isPlainContainer } from '../src/plain-container.js';
import { anySnapshot, minimalContainer, oversizedContainer, validSnapshot } from './arbitraries.js';
import { canonicalContainer as canonicalBefore } from './before-descriptors/canonical.js';
import { fitContainer as fitBefore } from './before-descriptors/fit-container.js';
import { isPlainContainer as isPlainBefore } from './before-descriptors/plain-container.js';

/** The fields added since the previous implementation. In generated containers, they always have their defaults. */
const addedFields: readonly string[] = CONTAINER_FIELD_NAMES.slice(11);
const defaults = Object.fromEntries(
  Object.entries(Container.parse(minimalContainer)).filter(([name]) => addedFields.includes(name)),
);

const withoutAddedFields = (container: object): object =>
  Object.fromEntries(Object.entries(container).filter(([name]) => !addedFields.includes(name)));

const jsonRoundTrip = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('the canonical form has the same bytes as in the previous implementation', () => {
  fc.assert(
    fc.property(fc.oneof(validSnapshot, fc.array(oversizedContainer, { maxLength: 2 })), (snapshot) => {
      for (const item of snapshot) {
        const container = fitContainer(Container.parse(item));
        const canonical = withoutAddedFields(canonicalContainer(container));
        expect(JSON.stringify(canonical)).toBe(JSON.stringify(canonicalBefore(container)));
      }
    }),
    { numRuns: 500 },
  );
});

test('fields are shortened in the same way as by the previous implementation', () => {
  fc.assert(
    fc.property(oversizedContainer, fc.boolean(), (item, portRanges) => {
      const container = Container.parse(item);
      const [now, before] = [fitContainer(container, { portRanges }), fitBefore(container, { portRanges })];
      expect(JSON.stringify(now)).toBe(JSON.stringify(before));
      expect(now === container).toBe(before === container);
    }),
    { numRuns: 500 },
  );
});

test('a container is plain exactly if it is plain for the previous implementation', () => {
  fc.assert(
    fc.property(fc.oneof(anySnapshot, validSnapshot, fc.array(oversizedContainer, { maxLength: 2 })), (snapshot) => {
      const parsed = snapshot.flatMap((item) => Container.safeParse(item).data ?? []);
      for (const item of jsonRoundTrip([
        ...snapshot,
        ...parsed,
        ...parsed.map((one) => fitContainer(one)),
      ]) as object[]) {
        expect(isPlainContainer({ ...defaults, ...item })).toBe(isPlainBefore(withoutAddedFields(item)));
      }
    }),
    { numRuns: 1_000 },
  );
});

test('the order of shortened fields is the same as in the previous implementation, and the version of the parser contains the added fields', () => {
  expect(CONTAINER_PARSER_VERSION).toBe(['3.1', ...addedFields].join('+'));
  const truncatable = TRUNCATABLE_FIELDS.filter((name) => !addedFields.includes(name));
  expect(truncatable).toEqual(['name', 'image', 'imageId', 'command', 'state', 'status', 'ports', 'labels']);
});
