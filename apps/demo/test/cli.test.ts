import { expect, test } from '@jest/globals';
import { parseCli } from '../src/cli.js';
import { FLEET } from '../src/fleet.js';
import { guide } from '../src/guide.js';

test.each([
  [[], { kind: 'run', seconds: 14_400 }],
  [['--for', '60'], { kind: 'run', seconds: 60 }],
  [['--', '--for=5'], { kind: 'run', seconds: 5 }],
  [['--help'], { kind: 'help' }],
  [['--for', '0'], { kind: 'error', message: expect.stringContaining('--for') }],
  [['--for', 'ever'], { kind: 'error', message: expect.stringContaining('--for') }],
  [['--forever'], { kind: 'error', message: "Unknown option '--forever'" }],
])('%j asks for %j', (args, request) => {
  expect(parseCli(args)).toEqual(request);
});

test('every host of the fleet is a machine of its own, and no two containers of one host share a name', () => {
  expect(new Set(FLEET.map(({ name }) => name)).size).toBe(FLEET.length);
  expect(new Set(FLEET.map(({ info }) => JSON.stringify(info))).size).toBe(FLEET.length);
  for (const { roles } of FLEET) expect(new Set(roles.map(({ name }) => name)).size).toBe(roles.length);
});

test.each([
  [45_000, 'in 45 seconds'],
  [600_000, 'in 10 minutes'],
  [14_400_000, 'in 4 hours'],
])('%d ms are told as "%s"', (durationMs, words) => {
  const account = { email: 'demo@example.com', password: 'p' };
  const text = guide({ url: 'http://h', key: 'k', account, replayedHosts: 5, hasLocalEngine: false, durationMs });
  expect(text).toContain(`ends by itself ${words}`);
});
