import './window';
import { describe, expect, test } from '@jest/globals';
import { ProblemError } from '@muster/client';
import { HOST_LABEL_CHANGES_MAX } from '@muster/contracts';
import { describeCounts, labelInBatches, NO_COUNTS } from '../src/features/hosts/label-in-batches';
import { distinctName } from '../src/lib/distinction';
import { labelDifference, labelError, labelsOfSource, trimLabel } from '../src/lib/host-labels';

test('only edited labels are sent, so that labels that others set in the meantime stay', () => {
  expect(labelDifference({ env: 'prod', site: 'fra', old: '1' }, { env: 'test', site: 'fra', team: 'web' })).toEqual({
    set: { env: 'test', team: 'web' },
    remove: ['old'],
  });
  expect(labelDifference({ env: '' }, { env: '' })).toBeNull();
});

test('hosts with the same name are shown with distinct names', () => {
  const [one, two] = [{ name: 'web', os: 'Debian', engineId: 'ABCDEFGHIJ', nameIsShared: true }, { name: 'web' }];
  expect(distinctName({ ...one, addresses: ['192.0.2.1'] })).toBe('web (192.0.2.1, engine ABCDEFGH)');
  expect(distinctName({ ...one, nameIsShared: false })).toBe('web');
  // A server before version 0.5 sends only the name.
  expect(distinctName(two)).toBe('web');
});

test('white space around the parts of a label in a filter is ignored', () => {
  expect([' env = prod ', 'env', 'a= b=c ', ' '].map(trimLabel)).toEqual(['env=prod', 'env', 'a=b=c', '']);
});

test('a host of an earlier server has no labels', () => {
  expect(labelsOfSource({}, 'operator')).toEqual({});
});

describe('an error about labels', () => {
  const failure = (path: string, message: string) =>
    new ProblemError(
      { type: 'about:blank', title: 't', status: 400, detail: 'd', requestId: 'r', errors: [{ path, message }] },
      null,
    );

  test.each([
    ['/set/example.com~1site', 'must be a label value', 'set', 'example.com/site: must be a label value.'],
    ['/set', 'must have at most 64 labels', 'set', 'The labels must have at most 64 labels.'],
    ['/remove/1', 'must be a label key', 'remove', 'b c: must be a label key.'],
    [
      '/remove',
      'must not contain a key that set contains',
      'remove',
      'The labels must not contain a key that set contains.',
    ],
    ['/remove/1', 'must be a label key', 'set', undefined],
    ['/setting', 'is wrong', 'set', undefined],
  ])('at %s is shown only at its field and contains the label’s key: %s, %s', (path, message, field, expected) => {
    expect(labelError(failure(path, message), field, field === 'remove' ? ['a', 'b c'] : [])).toBe(expected);
  });
});

describe('the labels of several hosts', () => {
  const hostIds = Array.from({ length: HOST_LABEL_CHANGES_MAX + 2 }, (_, index) => `h${index}`);

  test('are changed in batches that the API accepts, and the counts of all batches are added', async () => {
    const sizes: number[] = [];
    const counts = await labelInBatches(
      hostIds,
      ([first = '', ...others]) => {
        sizes.push(others.length + 1);
        return Promise.resolve({ changed: others, unchanged: [], notFound: [first] });
      },
      () => undefined,
    );
    expect(sizes).toEqual([HOST_LABEL_CHANGES_MAX, 2]);
    expect(counts).toEqual({ changed: HOST_LABEL_CHANGES_MAX, unchanged: 0, notFound: 2 });
    expect(describeCounts(counts)).toMatch(/^1.?000 hosts changed, 2 not found, because they have been deleted\.$/);
  });

  test('are counted until a batch fails', async () => {
    let counts = NO_COUNTS;
    expect(describeCounts(counts)).toBe('');
    const changeBatch = (ids: string[]) =>
      ids.length === 2
        ? Promise.reject(new Error('offline'))
        : Promise.resolve({ changed: ids, unchanged: [], notFound: [] });
    await expect(labelInBatches(hostIds, changeBatch, (next) => (counts = next))).rejects.toThrow('offline');
    expect(counts).toEqual({ changed: HOST_LABEL_CHANGES_MAX, unchanged: 0, notFound: 0 });
  });
});
