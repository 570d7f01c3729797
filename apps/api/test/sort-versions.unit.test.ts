import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sortVersions } from '../src/lib/sort-versions.js';

describe('the order of versions', () => {
  test.each([
    [['29.9', '29.10', '29.10.1', '30']],
    [['0.1.0', '0.9.0', '0.10.0', '1.0.0']],
    [['1.0.0-alpha.1', '1.0.0-rc.2', '1.0.0-rc.10', '1.0.0', '1.0.0+dfsg1', '1.0.1']],
    [['', 'dev', 'v1.9', 'v1.10']],
    [['1.123456789012345678901', '1.123456789012345678902']],
  ])('is %j', (versions) => {
    expect(sortVersions([...versions].reverse())).toEqual(versions);
  });

  test('does not depend on the order in which the versions are given', () => {
    const version = fc.stringMatching(/^v?\d{1,3}(\.\d{1,3}){0,3}([-+][a-z0-9.]{0,5})?$/);
    fc.assert(
      fc.property(fc.uniqueArray(version, { maxLength: 8 }), (versions) => {
        const sorted = sortVersions(versions);
        expect(sortVersions([...versions].reverse())).toEqual(sorted);
        expect(sortVersions([...sorted].sort())).toEqual(sorted);
      }),
    );
  });
});
