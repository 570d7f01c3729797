import { expect, test } from '@jest/globals';
import { createSnapshotCache } from '../src/services/sync/snapshot-cache.js';

const snapshot = (bytes: number) => ({
  revision: 1,
  digest: null,
  mayLackExits: false,
  loops: null,
  body: { bytes: Buffer.alloc(bytes), encoding: 'identity' as const },
  bounds: null,
});

test('a cache keeps the snapshots of the most recently active hosts within its budget', () => {
  const cache = createSnapshotCache(5_000);
  for (const host of ['a', 'b', 'c']) cache.set(host, snapshot(1_000));
  cache.get('a');
  cache.set('d', snapshot(1_000));
  expect(['a', 'b', 'c', 'd'].map((host) => cache.get(host) !== undefined)).toEqual([true, false, true, true]);
  cache.set('a', snapshot(2_000));
  cache.set('e', snapshot(1_000));
  expect(['a', 'c', 'd', 'e'].map((host) => cache.get(host) !== undefined)).toEqual([true, false, false, true]);
});

test('a snapshot above the size limit is not cached, and removes only the cached snapshot of its host', () => {
  const cache = createSnapshotCache(5_000);
  for (const host of ['a', 'b']) cache.set(host, snapshot(1_000));
  cache.set('a', snapshot(5_000));
  expect(['a', 'b'].map((host) => cache.get(host) !== undefined)).toEqual([false, true]);
});

test('a cache with a budget of 0 keeps nothing', () => {
  const cache = createSnapshotCache(0);
  cache.set('a', snapshot(0));
  expect(cache.get('a')).toBeUndefined();
});
