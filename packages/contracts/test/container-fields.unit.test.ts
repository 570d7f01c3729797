import { expect, test } from '@jest/globals';
import { CONTAINER_FIELDS, CONTAINER_FIELD_NAMES, type ContainerField } from '../src/index.js';

const markers = CONTAINER_FIELD_NAMES.flatMap((name) => {
  const { digestMarker }: ContainerField = CONTAINER_FIELDS[name];
  return digestMarker ?? [];
});

test('each digest marker is one character that no encoded value contains, and marks one field', () => {
  expect(new Set(markers).size).toBe(markers.length);
  for (const marker of markers) expect(marker).toMatch(/^[^\w.\-%;:,#*>/]$/);
});
