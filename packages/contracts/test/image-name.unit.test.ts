import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { splitReference } from '../src/image-name.js';

const HEX = 'c6b29e83d5ae'.padEnd(64, '0');

test.each([
  ['nginx', 'nginx', null, null],
  ['nginx:1.29', 'nginx', '1.29', null],
  ['docker.io/library/nginx:1.29-alpine', 'docker.io/library/nginx', '1.29-alpine', null],
  ['registry:5000/shop/web', 'registry:5000/shop/web', null, null],
  ['registry:5000/shop/web:3', 'registry:5000/shop/web', '3', null],
  ['[::1]:5000/web:3', '[::1]:5000/web', '3', null],
  [`nginx@sha256:${HEX}`, 'nginx', null, `sha256:${HEX}`],
  [`registry:5000/web@sha256:${HEX}`, 'registry:5000/web', null, `sha256:${HEX}`],
  [`registry:5000/web:3@sha256:${HEX}`, 'registry:5000/web', '3', `sha256:${HEX}`],
  // An image without a name.
  [`sha256:${HEX}`, null, null, null],
  [`sha256:${HEX.slice(0, 12)}`, null, null, null],
  ['<none>', null, null, null],
  // No engine accepts these references, but an agent can report any text.
  [':3', ':3', null, null],
  ['@sha256:00', '@sha256', '00', null],
  ['web:', 'web', '', null],
])('%s has the repository %s, the tag %s and the digest %s', (reference, repository, tag, digest) => {
  expect(splitReference(reference)).toEqual({ repository, tag, digest });
});

test('the repository, tag and digest of a named reference add up to the reference', () => {
  const part = fc.string({
    unit: fc.constantFrom('a', 'b', '1', ':', '/', '@', '-', '.'),
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(part, (reference) => {
      const { repository, tag, digest } = splitReference(reference);
      expect(repository).not.toBe('');
      expect(`${repository!}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`).toBe(reference);
    }),
  );
});
