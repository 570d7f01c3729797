import { expect, test } from '@jest/globals';
import {
  CONTAINER_FIELDS,
  CONTAINER_FIELD_NAMES,
  CONTAINER_PARSER_VERSION,
  TRUNCATABLE_FIELDS,
  type ContainerField,
} from '../src/index.js';

const markers = CONTAINER_FIELD_NAMES.flatMap((name) => {
  const { digestMarker }: ContainerField = CONTAINER_FIELDS[name];
  return digestMarker ?? [];
});

test('each digest marker marks one field and is a character that no encoded value contains', () => {
  expect(new Set(markers).size).toBe(markers.length);
  for (const marker of markers) expect(marker).toMatch(/^[^\w.\-%;:,#*>/]$/);
});

test('the fields of the first release keep their order, and later fields are part of the parser’s version', () => {
  expect(TRUNCATABLE_FIELDS.slice(0, 8)).toEqual([
    'name',
    'image',
    'imageId',
    'command',
    'state',
    'status',
    'ports',
    'labels',
  ]);
  const addedFields = CONTAINER_FIELD_NAMES.slice(CONTAINER_FIELD_NAMES.indexOf('truncated') + 1);
  expect(CONTAINER_PARSER_VERSION).toBe(['4.2', ...addedFields].join('+'));
});
