import { describe, expect, test } from '@jest/globals';
import { HeartbeatHeaders, parseWith, SnapshotHeaderNames, SnapshotHeaders } from '../src/index.js';

const STREAM = '0b8f1f0e-6a5b-4c3d-9e2f-1a2b3c4d5e6f';
const parse = (headers: Record<string, unknown>) => parseWith(SnapshotHeaders, headers);
const refusedPaths = (headers: Record<string, unknown>): string[] => {
  const parsed = parse(headers);
  return parsed.success ? [] : parsed.errors.map((error) => error.path);
};

test('the schema uses the lowercase names of the headers that clients send', () => {
  const keys = Object.values(SnapshotHeaderNames).map((name) => name.toLowerCase());
  const sent = Object.fromEntries(keys.map((key) => [key, '?']));
  const named = refusedPaths(sent).map((path) => path.split('/')[1]);
  expect(named.sort()).toEqual(keys.sort());
});

test('a snapshot without headers is complete and has no stream and no sequence', () => {
  expect(parse({})).toEqual({ success: true, data: { order: null, observedAt: null, complete: true, removedIds: [] } });
});

test('all snapshot headers are parsed, and other headers are ignored', () => {
  const headers = {
    'snapshot-stream': STREAM,
    'snapshot-sequence': '7',
    'snapshot-observed-at': '2026-01-31T12:00:00.123456789+01:00',
    'snapshot-complete': 'false',
    'snapshot-gone': 'a, b',
    'content-type': 'application/json',
  };
  expect(parse(headers)).toEqual({
    success: true,
    data: {
      order: { stream: STREAM, sequence: 7 },
      observedAt: '2026-01-31T11:00:00.123Z',
      complete: false,
      removedIds: ['a', 'b'],
    },
  });
});

test('a stream is rejected without a sequence, and a sequence without a stream', () => {
  expect(refusedPaths({ 'snapshot-stream': STREAM })).toEqual(['/snapshot-sequence']);
  expect(refusedPaths({ 'snapshot-sequence': '1' })).toEqual(['/snapshot-stream']);
});

test('a stream ID is converted to lower case', () => {
  const headers = { 'snapshot-stream': STREAM.toUpperCase(), 'snapshot-sequence': '1' };
  expect(parse(headers)).toMatchObject({ data: { order: { stream: STREAM } } });
});

describe('an error for an invalid value contains the name of the header:', () => {
  test.each([
    ['snapshot-stream', ['', 'x', STREAM.slice(1), `${STREAM}0`, `${STREAM}, ${STREAM}`, `{${STREAM}}`]],
    ['snapshot-sequence', ['', '-1', '1.5', '1e3', ' 1', '0x1', '1234567890123456', '1, 2', 'NaN']],
  ])('%s', (name, values) => {
    const good = { 'snapshot-stream': STREAM, 'snapshot-sequence': '1' };
    for (const value of values)
      expect([value, ...refusedPaths({ ...good, [name]: value })]).toEqual([value, `/${name}`]);
  });

  test.each([
    ['snapshot-observed-at', ['', 'now', '2026-01-31', '1769860800', '2026-01-31T12:00:00']],
    ['snapshot-complete', ['', 'yes', 'TRUE', '1', 'true, true']],
  ])('%s', (name, values) => {
    for (const value of values) expect([value, ...refusedPaths({ [name]: value })]).toEqual([value, `/${name}`]);
  });
});

test.each(['0', '1', '007', '999999999999999'])('sequence %s is accepted', (sequence) => {
  const parsed = parse({ 'snapshot-stream': STREAM, 'snapshot-sequence': sequence });
  expect(parsed).toMatchObject({ data: { order: { sequence: Number(sequence) } } });
});

test('a heartbeat can contain a stream ID', () => {
  expect(HeartbeatHeaders.parse({})).toEqual({ stream: null });
  expect(HeartbeatHeaders.parse({ 'snapshot-stream': STREAM.toUpperCase() })).toEqual({ stream: STREAM });
  expect(HeartbeatHeaders.safeParse({ 'snapshot-stream': 'x' }).success).toBe(false);
});
