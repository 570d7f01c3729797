import { expect, test } from '@jest/globals';
import { SUPERSEDED_QUIET_MS, createSnapshotStream } from '../src/reporting/snapshot-stream.js';

const observedAt = new Date(0);
const open = () => {
  let streams = 0;
  return createSnapshotStream(() => `stream-${++streams}`);
};
const superseded = (revision: number) => ({ reason: 'stream_superseded' as const, revision });

test('the sequence number rises with each attempt', () => {
  const stream = open();
  expect([stream.next(observedAt), stream.next(observedAt)].map(({ sequence }) => sequence)).toEqual([1, 2]);
});

test('a superseded stream stays superseded while the other stream reports changes', () => {
  const stream = open();
  for (let minute = 0; minute < 120; minute++) {
    expect(stream.recordAnswer(superseded(Math.floor(minute / 9)), minute * 60_000)).toBe(false);
  }
  expect(stream.current()).toBe('stream-1');
});

test('a superseded agent starts a new stream when the other agent has changed nothing for ten minutes', () => {
  const stream = open();
  stream.next(observedAt);
  stream.recordAnswer(superseded(5), 0);
  expect(stream.recordAnswer(superseded(5), SUPERSEDED_QUIET_MS - 1)).toBe(false);
  expect(stream.recordAnswer(superseded(5), SUPERSEDED_QUIET_MS)).toBe(true);
  expect(stream.next(observedAt)).toEqual({ stream: 'stream-2', sequence: 1, observedAt });
});

test('an applied snapshot resets the wait of a superseded stream', () => {
  const stream = open();
  stream.recordAnswer(superseded(5), 0);
  stream.recordAnswer({ revision: 6 }, 1_000);
  expect(stream.recordAnswer(superseded(6), SUPERSEDED_QUIET_MS)).toBe(false);
});
