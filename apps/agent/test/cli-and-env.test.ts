import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { formatToken } from '@muster/contracts';
import { HELP, parseCli } from '../src/cli.js';
import { parseEnv } from '../src/env.js';
import { AGENT_VERSION } from '../src/version.js';

test.each([
  [[], { kind: 'run' }],
  [['--once'], { kind: 'once' }],
  [['--', '--once'], { kind: 'once' }],
  [['--dry-run'], { kind: 'dry-run' }],
  [['-h'], { kind: 'help' }],
  [['--version'], { kind: 'version' }],
  [['--onec'], { kind: 'error', message: "Unknown option '--onec'" }],
  [['--once=1'], { kind: 'error', message: expect.any(String) }],
  [['now'], { kind: 'error', message: expect.stringContaining("'now'") }],
  [['--once', '--dry-run'], { kind: 'error', message: expect.any(String) }],
])('%j asks for %j', (args, request) => {
  expect(parseCli(args)).toEqual(request);
});

test('the version is the package’s', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  expect(AGENT_VERSION).toBe(manifest.version);
});

describe('the environment', () => {
  const machine = { isRoot: false, home: '/home/me' };
  const read = (source: Record<string, string>, as = machine) => {
    const parsed = parseEnv(source, as);
    if (!parsed.success) throw new Error(parsed.errors.join('\n'));
    return parsed.env;
  };
  const errors = (source: Record<string, string>) => {
    const parsed = parseEnv(source, machine);
    return parsed.success ? [] : parsed.errors;
  };
  const enrollToken = formatToken('enroll', new Uint8Array(32));

  test('has a value for everything', () => {
    expect(read({})).toEqual({
      musterUrl: null,
      enrollToken: null,
      stateDir: '/home/me/.local/state/muster-agent',
      engine: { kind: 'unix', socketPath: '/var/run/docker.sock', label: 'unix:///var/run/docker.sock' },
      engineApiVersion: null,
      logLevel: 'info',
    });
  });

  test('puts the state where each kind of user expects it', () => {
    expect(read({}, { ...machine, isRoot: true }).stateDir).toBe('/var/lib/muster-agent');
    expect(read({ XDG_STATE_HOME: '/x' }).stateDir).toBe('/x/muster-agent');
    expect(read({ MUSTER_STATE_DIR: '/y' }, { ...machine, isRoot: true }).stateDir).toBe('/y');
  });

  test.each([
    ['unix:///run/user/1000/podman/podman.sock', { socketPath: '/run/user/1000/podman/podman.sock' }],
    ['tcp://127.0.0.1:2375', { origin: 'http://127.0.0.1:2375' }],
    ['tcp://[::1]:99', { origin: 'http://[::1]:99' }],
    ['tcp://engine', { origin: 'http://engine:2375' }],
    ['http://engine:8080/', { origin: 'http://engine:8080' }],
  ])('DOCKER_HOST %s', (DOCKER_HOST, engine) => {
    expect(read({ DOCKER_HOST }).engine).toMatchObject(engine);
  });

  test('takes the API’s address with a path, without its last slash', () => {
    expect(read({ MUSTER_URL: 'https://example.com/muster/' }).musterUrl).toBe('https://example.com/muster');
    expect(read({ MUSTER_URL: 'http://127.0.0.1:3000/' }).musterUrl).toBe('http://127.0.0.1:3000');
    expect(read({ MUSTER_URL: '', MUSTER_ENROLL_TOKEN: enrollToken })).toMatchObject({ musterUrl: null, enrollToken });
  });

  test('says each bad value in a line of its own, and never the token', () => {
    const bad = {
      MUSTER_URL: 'example.com',
      MUSTER_ENROLL_TOKEN: `${enrollToken}x`,
      DOCKER_HOST: 'ssh://me@host',
      DOCKER_API_VERSION: 'new',
      DOCKER_TLS_VERIFY: '1',
      LOG_LEVEL: 'loud',
    };
    expect(errors(bad).map((line) => line.split(' ')[0])).toEqual(Object.keys(bad));
    expect(errors(bad).join('\n')).not.toContain(enrollToken);
    expect(errors({ MUSTER_URL: 'https://me:secret@example.com' })).toEqual([
      'MUSTER_URL must not hold a user name or a password',
    ]);
  });

  test('every variable is in --help', () => {
    for (const name of [
      'MUSTER_URL',
      'MUSTER_ENROLL_TOKEN',
      'MUSTER_STATE_DIR',
      'DOCKER_HOST',
      'DOCKER_API_VERSION',
      'LOG_LEVEL',
    ]) {
      expect(HELP).toContain(name);
    }
  });
});
