import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TOKEN_RANDOM_BYTES, formatToken } from '@muster/contracts';
import { commandLine, simulator } from '../src/command.js';

const key = formatToken('key', new Uint8Array(TOKEN_RANDOM_BYTES).fill(1));
const base = ['--url', 'http://127.0.0.1:3000/', '--key', key];
const parse = (args: readonly string[]) => simulator.parse(args);
let printed = '';
const print = (text: string) => void (printed += text);
commandLine.configureOutput({ writeOut: print, writeErr: print });

const { env } = process;
beforeEach(() => {
  printed = '';
  process.env = { ...env, MUSTER_URL: '', MUSTER_KEY: '' };
});
afterEach(() => {
  process.env = env;
});

test('all flags are parsed', () => {
  const line =
    '--hosts 5000 --containers 50 --churn 0.02 --seed 7 --ramp 60s --duration 5m --faults 2.5 --sockets 64 --allow-5xx --keep --json';
  expect(parse(['--', ...base, ...line.split(' ')])).toEqual({
    ...{ url: 'http://127.0.0.1:3000', key, hosts: 5_000, containers: 50, churn: 0.02, seed: 7, rampMs: 60_000 },
    ...{ durationMs: 300_000, faults: 2.5, sockets: 64, allow5xx: true, keep: true, json: true },
  });
});

test('without flags, the defaults of the help apply', () => {
  expect(parse(base)).toEqual({
    ...{ url: 'http://127.0.0.1:3000', key, hosts: 100, containers: 20, churn: 0.02, seed: 1, rampMs: 10_000 },
    ...{ durationMs: 60_000, faults: 1, sockets: 128, allow5xx: false, keep: false, json: false },
  });
});

test('the URL and the key can come from the environment, which flags override', () => {
  Object.assign(process.env, { MUSTER_URL: 'http://env', MUSTER_KEY: key });
  expect(parse([])).toMatchObject({ url: 'http://env', key });
  expect(parse(['--url', 'http://flag'])).toMatchObject({ url: 'http://flag' });
});

test.each([
  ['500ms', 500],
  ['1.5s', 1_500],
  ['5m', 300_000],
  ['2h', 7_200_000],
])('a time of %s is %d ms', (text, durationMs) => {
  expect(parse([...base, '--ramp', '0s', '--duration', text])).toMatchObject({ durationMs });
});

describe('an invalid command line is rejected with a message about the flag:', () => {
  test.each([
    [['--hosts', '0'], "option '--hosts <n>' argument '0' is invalid. It must be a whole number from 1 to 100000"],
    [['--hosts', '1.5'], 'must be a whole number'],
    [['--containers', '5001'], 'must be a whole number from 0 to 5000'],
    [['--churn', '2%'], "'2%' is invalid. It must be a number from 0 to 1"],
    [['--seed', '-1'], '--seed'],
    [['--ramp', '60'], 'must be a time such as 500ms, 60s or 5m'],
    [['--duration', '0s'], 'must be a time'],
    [['--duration', '9s', '--ramp', '10s'], '--duration includes --ramp, so it cannot be shorter'],
    [['--faults', 'many'], 'must be a number from 0 to 100'],
    [['--sockets', '0'], 'must be a whole number from 1 to 1024'],
    [['--url', 'ftp://h'], '--url must be an http or https URL'],
    [['--url', '--json'], '--url must be an http or https URL'],
    [['--key', `${key.slice(0, -1)}_`], '--key must be an API key, muster_key_…'],
    [['--key', '--json'], '--key must be an API key, muster_key_…'],
    [['--key'], "option '--key <key>' argument missing"],
    [['--host', '5'], "unknown option '--host'"],
    [['hosts'], 'too many arguments'],
  ])('%j', (args, message) => {
    expect(() => parse([...base, ...args])).toThrow(message);
    expect(printed).toContain(message);
    expect(printed).toMatch(/^muster-simulate: .*[^.] \(see --help\)\n$/s);
  });

  test('a missing flag', () => {
    expect(() => parse(['--key', key])).toThrow('set --url or MUSTER_URL');
    expect(() => parse(['--url', 'http://h'])).toThrow('set --key or MUSTER_KEY');
  });
});

test('messages and the help never contain the key', () => {
  const secret = `${key.slice(0, -1)}_`;
  for (const args of [[`--key=${secret}`], [`--kee=${secret}`], ['--hosts', '0', '--key', secret]]) {
    expect(() => parse(args)).toThrow();
  }
  Object.assign(process.env, { MUSTER_KEY: secret });
  expect(() => parse(['--url', 'http://h'])).toThrow('--key must be');
  Object.assign(process.env, { MUSTER_KEY: key });
  expect(() => parse(['--help'])).toThrow();
  expect(printed).toContain("unknown option '--kee'");
  expect(printed).toContain('--sockets');
  expect(printed).not.toContain(key.slice(0, -1));
});

test('--help lists every flag', () => {
  expect(() => parse(['--hosts', '5', '-h'])).toThrow(expect.objectContaining({ exitCode: 0 }));
  const flags = ['url', 'key', 'hosts', 'containers', 'churn', 'seed', 'ramp', 'duration', 'faults', 'sockets'];
  for (const flag of [...flags, 'allow-5xx', 'keep', 'json', 'help']) expect(printed).toContain(`--${flag}`);
});
