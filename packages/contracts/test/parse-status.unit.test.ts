import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseStatus, DERIVATION_VERSION } from '../src/index.js';

/** One duration in each format of Docker's `units.HumanDuration`. */
const DURATIONS = [
  'Less than a second',
  '1 second',
  '2 seconds',
  '59 seconds',
  'About a minute',
  '2 minutes',
  '59 minutes',
  'About an hour',
  '2 hours',
  '47 hours',
  '2 days',
  '13 days',
  '2 weeks',
  '8 weeks',
  '2 months',
  '23 months',
  '2 years',
  '12 years',
];
const result = (health: string | null, exitCode: number | null) => ({ health, exitCode });
const noResult = result(null, null);

describe.each(DURATIONS)('with the duration %j,', (duration) => {
  test.each([
    [`Up ${duration}`, noResult],
    [`Up ${duration} (healthy)`, result('healthy', null)],
    [`Up ${duration} (unhealthy)`, result('unhealthy', null)],
    [`Up ${duration} (health: starting)`, result('starting', null)],
    [`Up ${duration} (Paused)`, noResult],
    [`Exited (0) ${duration} ago`, result(null, 0)],
    [`Exited (137) ${duration} ago`, result(null, 137)],
    [`Restarting (1) ${duration} ago`, result(null, 1)],
  ])('%j is parsed', (status, expected) => {
    expect(parseStatus(status)).toEqual(expected);
  });
});

test('the results of parseStatus change only with DERIVATION_VERSION, so that stored rows are parsed again', () => {
  const texts = DURATIONS.flatMap((duration) =>
    ['Up', 'Created', 'Exited (1)', 'Exited (-1)', 'Restarting (137)', 'Dead', 'Stopped', 'Initialized'].flatMap(
      (word) =>
        ['', ' ago', ' (healthy)', ' (unhealthy)', ' (health: starting)', ' (starting)', ' (Paused)'].map(
          (end) => `${word} ${duration}${end}`,
        ),
    ),
  );
  const read = createHash('sha256')
    .update(JSON.stringify(texts.map(parseStatus)))
    .digest('hex');
  // If this fails, increment `DERIVATION_VERSION` and then update the hash.
  expect([DERIVATION_VERSION, read.slice(0, 16)]).toEqual([2, 'f7d5dd72c6a84f27']);
});

test.each(['Created', 'Removal In Progress', 'Dead', ''])('%j has neither health nor exit code', (status) => {
  expect(parseStatus(status)).toEqual(noResult);
});

test.each([
  ['Exited (-1) 2 hours ago', -1],
  ['Exited (255) 3 weeks ago', 255],
  ['Exited (255) 292 years ago', 255],
  ['Exited (3221225477) 2 hours ago', 3_221_225_477],
  ['Exited (3221225786) 2 hours ago', 3_221_225_786],
  ['Restarting (137) Less than a second ago', 137],
  ['Restarting (4294967295) 2 seconds ago', 4_294_967_295],
])('%j has exit code %d', (status, exitCode) => {
  expect(parseStatus(status).exitCode).toBe(exitCode);
});

test.each([
  'exited (1) 2 hours ago',
  'Exited () 2 hours ago',
  'Exited (1.5) 2 hours ago',
  'Exited (10000000000) 2 hours ago',
  'Has Exited (1) 2 hours ago',
  '(healthy)',
  'Up 2 hours (healthy) or so',
  'Up 5 minutes (healthy) extra',
  'up 2 hours',
  'Stopping',
  'Unknown',
  'Up 2 hours (HEALTHY)',
  'Up 2 hours (constructor)',
  'Down 2 hours (healthy)',
])('%j, which no engine writes, has neither health nor exit code', (status) => {
  expect(parseStatus(status)).toEqual(noResult);
});

interface CapturedStatus {
  engine: string;
  state: string;
  status: string;
  inspected: { exitCode: number; health: string | null } | null;
}
const captured = JSON.parse(
  readFileSync(new URL('fixtures/captured-statuses.json', import.meta.url), 'utf8'),
) as CapturedStatus[];

test.each(captured)(
  '$engine: the result of parsing $status equals what inspecting the container returned',
  ({ status, inspected, engine }) => {
    const parsed = parseStatus(status);
    if (/^(Exited|Restarting)/.test(status)) expect(parsed).toEqual(result(null, inspected!.exitCode));
    // The status text of Podman 4.3 does not contain health. A container whose health was `starting` was removed before
    // it could be inspected.
    else if (engine.startsWith('Docker') && inspected !== null) expect(parsed).toEqual(result(inspected.health, null));
    else expect(parsed).toEqual(result(/health: starting/.test(status) ? 'starting' : null, null));
  },
);

test('text that is not a status has neither health nor exit code', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (status) => {
      fc.pre(!/^(Up|Exited|Restarting) /.test(status));
      expect(parseStatus(status)).toEqual(noResult);
    }),
  );
});
