import { expect, test } from '@jest/globals';
import { createBatcher } from '../src/lib/batcher.js';

interface Entry {
  key: string;
  value: number;
}

/** Creates a batcher whose runs end only when the test ends them. */
function createTestBatcher({ sizeMax = 10 } = {}) {
  const groups: { values: number[]; finish: () => void; fail: (error: Error) => void }[] = [];
  const commit = createBatcher<Entry, number>(
    (entries) =>
      new Promise((resolve, reject) => {
        const values = entries.map(({ value }) => value);
        groups.push({ values, finish: () => resolve(values.map((value) => value * 2)), fail: reject });
      }),
    { keyOf: ({ key }) => key, sizeMax },
  );
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { groups, commit, settle };
}

test('entries that arrive during a run share the next run, and each entry gets its own outcome', async () => {
  const { groups, commit, settle } = createTestBatcher();
  const outcomes = [1, 2, 3].map((value) => commit.add({ key: String(value), value }));
  expect(groups.map(({ values }) => values)).toEqual([[1]]);
  groups[0]!.finish();
  await settle();
  expect(groups.map(({ values }) => values)).toEqual([[1], [2, 3]]);
  groups[1]!.finish();
  expect(await Promise.all(outcomes)).toEqual([2, 4, 6]);
});

test('a run never has two entries with the same key, and entries with the same key keep their order', async () => {
  const { groups, commit, settle } = createTestBatcher();
  const first = commit.add({ key: 'other', value: 0 });
  const outcomes = [1, 2, 3].map((value) => commit.add({ key: 'same', value }));
  for (let run = 0; run < 4; run++) {
    await settle();
    groups[run]!.finish();
  }
  await first;
  expect(groups.map(({ values }) => values)).toEqual([[0], [1], [2], [3]]);
  expect(await Promise.all(outcomes)).toEqual([2, 4, 6]);
});

test('a run has at most sizeMax entries', async () => {
  const { groups, commit, settle } = createTestBatcher({ sizeMax: 2 });
  const outcomes = [1, 2, 3, 4].map((value) => commit.add({ key: String(value), value }));
  for (let run = 0; run < 3; run++) {
    await settle();
    groups[run]!.finish();
  }
  await Promise.all(outcomes);
  expect(groups.map(({ values }) => values)).toEqual([[1], [2, 3], [4]]);
});

test('a failed run fails only its own entries', async () => {
  const { groups, commit, settle } = createTestBatcher();
  const outcomes = [1, 2, 3].map((value) => commit.add({ key: String(value), value }));
  groups[0]!.fail(new Error('gone'));
  await expect(outcomes[0]).rejects.toThrow('gone');
  await settle();
  groups[1]!.finish();
  expect(await Promise.all(outcomes.slice(1))).toEqual([4, 6]);
});
