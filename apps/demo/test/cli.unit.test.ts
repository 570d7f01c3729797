import { expect, test } from '@jest/globals';
import { parseCommand } from '@muster/fleet/command-line';
import { demoCommand } from '../src/command.js';
import { FLEET } from '../src/fleet.js';
import { guide } from '../src/guide.js';

test.each([
  [[], { kind: 'run', options: { durationMs: 14_400_000 } }],
  [['--for', '60'], { kind: 'run', options: { durationMs: 60_000 } }],
  [['--', '--for=5'], { kind: 'run', options: { durationMs: 5_000 } }],
  [['--help'], { kind: 'help', text: expect.stringContaining('--for') }],
  [['--for', '0'], { kind: 'error', message: expect.stringContaining('--for') }],
  [['--for', 'ever'], { kind: 'error', message: expect.stringContaining('--for') }],
  [['--for', '604801'], { kind: 'error', message: expect.stringContaining('--for') }],
  [['--forever'], { kind: 'error', message: "Unknown option '--forever'" }],
])('the command line %j requests %j', (args, request) => {
  expect(parseCommand(demoCommand, args)).toEqual(request);
});

test('the hosts of the fleet are different machines, and the containers of a host have different names', () => {
  expect(new Set(FLEET.map(({ name }) => name)).size).toBe(FLEET.length);
  expect(new Set(FLEET.map(({ info }) => JSON.stringify(info))).size).toBe(FLEET.length);
  for (const { roles } of FLEET) expect(new Set(roles.map(({ name }) => name)).size).toBe(roles.length);
});

test.each([
  [45_000, 'in 45 seconds'],
  [600_000, 'in 10 minutes'],
  [14_400_000, 'in 4 hours'],
])('a duration of %d ms is written as "%s"', (durationMs, words) => {
  const account = { email: 'demo@example.com', password: 'p' };
  const text = guide({ url: 'http://h', key: 'k', account, replayedHosts: 5, hasLocalEngine: false, durationMs });
  expect(text).toContain(`ends automatically ${words}`);
});
