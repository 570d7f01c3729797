import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TOKEN_RANDOM_BYTES, formatToken } from '@muster/contracts';
import { parseCommand } from '@muster/fleet/command-line';
import { simulateCommand } from '../src/command.js';

const key = formatToken('key', new Uint8Array(TOKEN_RANDOM_BYTES).fill(1));
const base = ['--url', 'http://127.0.0.1:3000/', '--key', key];
const parse = (args: readonly string[]) => parseCommand(simulateCommand, args);

const { env } = process;
beforeEach(() => {
  process.env = { ...env, MUSTER_URL: '', MUSTER_KEY: '' };
});
afterEach(() => {
  process.env = env;
});

test('all flags are parsed', () => {
  const line =
    '--hosts 5000 --containers 50 --churn 0.02 --seed 7 --ramp 60s --duration 5m --faults 2.5 --sockets 64 --allow-5xx --keep --json';
  expect(parse(['--', ...base, ...line.split(' ')])).toEqual({
    kind: 'run',
    options: {
      ...{ url: 'http://127.0.0.1:3000', key, hosts: 5_000, containers: 50, churn: 0.02, seed: 7, rampMs: 60_000 },
      ...{ durationMs: 300_000, faults: 2.5, sockets: 64, allow5xx: true, keep: true, json: true },
    },
  });
});

test('without flags, the defaults of the help apply', () => {
  expect(parse(base)).toEqual({
    kind: 'run',
    options: {
      ...{ url: 'http://127.0.0.1:3000', key, hosts: 100, containers: 20, churn: 0.02, seed: 1, rampMs: 10_000 },
      ...{ durationMs: 60_000, faults: 1, sockets: 128, allow5xx: false, keep: false, json: false },
    },
  });
});

test('URL and key can come from the environment, and a flag overrides it', () => {
  Object.assign(process.env, { MUSTER_URL: 'http://env', MUSTER_KEY: key });
  expect(parse([])).toMatchObject({ kind: 'run', options: { url: 'http://env', key } });
  expect(parse(['--url', 'http://flag'])).toMatchObject({ kind: 'run', options: { url: 'http://flag' } });
});

test.each([
  ['500ms', 500],
  ['1.5s', 1_500],
  ['5m', 300_000],
  ['2h', 7_200_000],
])('a time of %s is %d ms', (text, durationMs) => {
  expect(parse([...base, '--ramp', '0s', '--duration', text])).toMatchObject({ options: { durationMs } });
});

describe('an invalid command line is rejected with a message that names the flag:', () => {
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
    [['--key', '--json'], '--key needs a value'],
    [['--key'], "option '--key <key>' argument missing"],
    [['--host', '5'], "Unknown option '--host'"],
    [['hosts'], "Unexpected argument 'hosts'"],
  ])('%j', (args, message) => {
    expect(parse([...base, ...args])).toEqual({ kind: 'error', message: expect.stringContaining(message) });
  });

  test('a missing flag', () => {
    expect(parse(['--key', key])).toEqual({ kind: 'error', message: '--url is missing (or MUSTER_URL)' });
    expect(parse(['--url', 'http://h'])).toEqual({ kind: 'error', message: '--key is missing (or MUSTER_KEY)' });
  });
});

test('no message and no help contains the key, in a flag or in the environment', () => {
  const secret = `${key.slice(0, -1)}_`;
  for (const args of [[`--key=${secret}`], [`--kee=${secret}`], ['--hosts', '0', '--key', secret]]) {
    expect(parse(args)).toEqual({ kind: 'error', message: expect.not.stringContaining(secret) });
  }
  Object.assign(process.env, { MUSTER_KEY: secret });
  expect(parse(['--url', 'http://h'])).toEqual({ kind: 'error', message: expect.not.stringContaining(secret) });
  Object.assign(process.env, { MUSTER_KEY: key });
  expect(parse(['--help'])).toEqual({ kind: 'help', text: expect.not.stringContaining(key) });
});

test('--help lists every flag', () => {
  const help = { kind: 'help', text: expect.stringContaining('--json') };
  expect(parse(['--help'])).toEqual(help);
  expect(parse(['--hosts', '5', '-h'])).toEqual(help);
  const { text } = parse(['--help']) as { text: string };
  const flags = ['url', 'key', 'hosts', 'containers', 'churn', 'seed', 'ramp', 'duration', 'faults', 'sockets'];
  for (const flag of [...flags, 'allow-5xx', 'keep', 'json', 'help']) expect(text).toContain(`--${flag}`);
});
