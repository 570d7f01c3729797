import { expect, test } from '@jest/globals';
import { SUPERSEDED_QUIET_MS, createSnapshotStream } from '../src/reporting/snapshot-stream.js';

const observedAt = new Date(0);
const open = () => {
  let streams = 0;
  return createSnapshotStream(() => `stream-${++streams}`);
};
const superseded = (revision: number) => ({ reason: 'stream_superseded' as const, revision });

test('the sequence rises with each try', () => {
  const stream = open();
  expect([stream.next(observedAt), stream.next(observedAt)].map(({ sequence }) => sequence)).toEqual([1, 2]);
});

test('a superseded stream stays behind the one that superseded it for as long as that one works', () => {
  const stream = open();
  for (let minute = 0; minute < 120; minute++) {
    expect(stream.answered(superseded(Math.floor(minute / 9)), minute * 60_000)).toBe(false);
  }
  expect(stream.current()).toBe('stream-1');
});

test('it takes over when the other has changed nothing for ten minutes', () => {
  const stream = open();
  stream.next(observedAt);
  stream.answered(superseded(5), 0);
  expect(stream.answered(superseded(5), SUPERSEDED_QUIET_MS - 1)).toBe(false);
  expect(stream.answered(superseded(5), SUPERSEDED_QUIET_MS)).toBe(true);
  expect(stream.next(observedAt)).toEqual({ stream: 'stream-2', sequence: 1, observedAt });
});

test('an applied snapshot ends the matter', () => {
  const stream = open();
  stream.answered(superseded(5), 0);
  stream.answered({ revision: 6 }, 1_000);
  expect(stream.answered(superseded(6), SUPERSEDED_QUIET_MS)).toBe(false);
});
