import { describe, expect, test } from '@jest/globals';
import { TOKEN_RANDOM_BYTES, formatToken } from '@muster/contracts';
import { HELP, parseCli } from '../src/cli.js';

const key = formatToken('key', new Uint8Array(TOKEN_RANDOM_BYTES).fill(1));
const none = { MUSTER_URL: undefined, MUSTER_KEY: undefined };
const base = ['--url', 'http://127.0.0.1:3000/', '--key', key];

test('every flag is understood', () => {
  const line =
    '--hosts 5000 --containers 50 --churn 0.02 --seed 7 --ramp 60s --duration 5m --faults 2.5 --sockets 64 --allow-5xx --keep --json';
  expect(parseCli(['--', ...base, ...line.split(' ')], none)).toEqual({
    kind: 'run',
    options: {
      ...{ url: 'http://127.0.0.1:3000', key, hosts: 5_000, containers: 50, churn: 0.02, seed: 7, rampMs: 60_000 },
      ...{ durationMs: 300_000, faults: 2.5, sockets: 64, allow5xx: true, keep: true, json: true },
    },
  });
});

test('URL and key may come from the environment, and a flag wins over it', () => {
  const env = { MUSTER_URL: 'http://env', MUSTER_KEY: key };
  expect(parseCli([], env)).toMatchObject({ kind: 'run', options: { url: 'http://env', key } });
  expect(parseCli(['--url', 'http://flag'], env)).toMatchObject({ kind: 'run', options: { url: 'http://flag' } });
});

test.each([
  ['500ms', 500],
  ['1.5s', 1_500],
  ['5m', 300_000],
  ['2h', 7_200_000],
])('a time of %s is %d ms', (text, durationMs) => {
  expect(parseCli([...base, '--ramp', '0s', '--duration', text], none)).toMatchObject({ options: { durationMs } });
});

describe('what is wrong names its flag:', () => {
  test.each([
    [['--hosts', '0'], '--hosts must be a whole number from 1 to 100000, not "0"'],
    [['--hosts', '1.5'], '--hosts must be a whole number'],
    [['--containers', '5001'], '--containers must be a whole number from 0 to 5000'],
    [['--churn', '2%'], '--churn must be a number from 0 to 1, not "2%"'],
    [['--seed', '-1'], '--seed'],
    [['--ramp', '60'], '--ramp must be a time such as 500ms, 60s or 5m'],
    [['--duration', '0s'], '--duration must be a time'],
    [['--duration', '9s', '--ramp', '10s'], '--duration must be at least as long as --ramp'],
    [['--faults', 'many'], '--faults must be a number from 0 to 100'],
    [['--sockets', '0'], '--sockets must be a whole number from 1 to 1024'],
    [['--url', 'ftp://h'], '--url must be an http or https URL'],
    [['--key', `${key.slice(0, -1)}_`], '--key must be a well-formed muster_key_… token'],
    [['--host', '5'], "Unknown option '--host'"],
  ])('%j', (args, message) => {
    expect(parseCli([...base, ...args], none)).toEqual({ kind: 'error', message: expect.stringContaining(message) });
  });

  test('a flag that is missing', () => {
    expect(parseCli(['--key', key], none)).toEqual({ kind: 'error', message: '--url is missing (or MUSTER_URL)' });
    expect(parseCli(['--url', 'http://h'], none)).toEqual({
      kind: 'error',
      message: '--key is missing (or MUSTER_KEY)',
    });
  });
});

test('--help tells every flag', () => {
  expect(parseCli(['--help'], none)).toEqual({ kind: 'help' });
  const flags = ['url', 'key', 'hosts', 'containers', 'churn', 'seed', 'ramp', 'duration', 'faults', 'sockets'];
  for (const flag of [...flags, 'allow-5xx', 'keep', 'json', 'help']) expect(HELP).toContain(`--${flag}`);
});
