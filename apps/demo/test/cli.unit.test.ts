import { expect, test } from '@jest/globals';
import { commandLine, demo } from '../src/command.js';
import { FLEET } from '../src/fleet.js';
import { readyText } from '../src/ready-text.js';

commandLine.configureOutput({ writeOut: () => undefined, writeErr: () => undefined });

test.each([
  [[], 14_400],
  [['--for', '60'], 60],
  [['--', '--for=5'], 5],
])('the command line %j requests a demo of %d seconds', (args, seconds) => {
  expect(demo.parse(args)).toEqual({ for: seconds });
});

test.each([
  [['--help'], 0, ''],
  [['--for', '0'], 1, '--for'],
  [['--for', 'ever'], 1, '--for'],
  [['--for', '604801'], 1, '--for'],
  [['--forever'], 1, "unknown option '--forever'"],
])('the command line %j does not start the demo', (args, exitCode, message) => {
  const error = expect.objectContaining({ exitCode, message: expect.stringContaining(message) });
  expect(() => demo.parse(args)).toThrow(error);
});

test('the hosts are different machines, and the containers of a host have different names', () => {
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
  const text = readyText({ url: 'http://h', key: 'k', account, replayedHosts: 5, hasLocalEngine: false, durationMs });
  expect(text).toContain(`stops automatically ${words}`);
});
