import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { formatToken } from '@muster/contracts';
import { HELP, parseCli } from '../src/cli.js';
import { readConfigFile } from '../src/config/config-file.js';
import { REDACT_NAMES_DEFAULT, REDACT_VALUES_DEFAULT } from '../src/engine/redact.js';
import { parseEnv } from '../src/env.js';
import { SETTINGS, describeOrigins, describeSettings, layerSettings } from '../src/config/settings.js';

const command = (name: string, more: object = {}) => ({
  kind: 'command',
  command: name,
  flags: {},
  configFile: null,
  json: false,
  ...more,
});

test.each([
  [[], command('run')],
  [['run'], command('run')],
  [['--once'], command('once')],
  [['--', '--once'], command('once')],
  [['once'], command('once')],
  [['--dry-run'], command('dry-run')],
  [['-h'], command('help')],
  [['once', '--help'], command('help')],
  [['--version'], command('version')],
  [['doctor', '--json', '--config', '/c'], command('doctor', { json: true, configFile: '/c' })],
  [['enroll', '--url', 'https://m', '--token', 't'], command('enroll', { flags: { url: 'https://m', token: 't' } })],
  [['--onec'], { kind: 'error', message: "Unknown option '--onec'" }],
  [['--once=1'], { kind: 'error', message: expect.any(String) }],
  [['--json=muster_enroll_x'], { kind: 'error', message: "Option '--json' does not take an argument" }],
  [['enroll', '--tokn=muster_enroll_x'], { kind: 'error', message: "Unknown option '--tokn'" }],
  [['enroll', '--tokn', 'muster_enroll_x'], { kind: 'error', message: "Unknown option '--tokn'" }],
  [['-tmuster_enroll_x'], { kind: 'error', message: "Unknown option '-t'" }],
  [['--token', '--json'], { kind: 'error', message: "Option '--token <value>' argument missing" }],
  [['--redact-names=-x'], command('run', { flags: { 'redact-names': '-x' } })],
  [['now'], { kind: 'error', message: "unknown command 'now'" }],
  [['--once', '--dry-run'], { kind: 'error', message: expect.any(String) }],
  [['leave', 'doctor'], { kind: 'error', message: 'leave and doctor cannot be combined' }],
])('the arguments %j parse to %j', (args, request) => {
  expect(parseCli(args)).toEqual(request);
});

test('--help documents every variable', () => {
  for (const { variable } of SETTINGS) expect(HELP).toContain(variable);
});

describe('parseEnv', () => {
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

  test('returns a default for every setting', () => {
    expect(read({})).toEqual({
      musterUrl: null,
      enrollToken: null,
      stateDir: '/home/me/.local/state/muster-agent',
      engine: { address: null, context: null, configDir: '/home/me/.docker', tls: null, runtimeDir: null },
      engineApiVersion: null,
      engineTimeoutMs: 15_000,
      redaction: { names: REDACT_NAMES_DEFAULT, values: REDACT_VALUES_DEFAULT },
      hostName: null,
      hostLabels: {},
      tokenDays: 30,
      proxy: { https: null, http: null, noProxy: null },
      trust: { caFile: null, systemFile: null, extraFile: null },
      logLevel: 'info',
      origins: {},
    });
  });

  test('returns the conventional state directory for root and for other users by default', () => {
    expect(read({}, { ...machine, isRoot: true }).stateDir).toBe('/var/lib/muster-agent');
    expect(read({ XDG_STATE_HOME: '/x' }).stateDir).toBe('/x/muster-agent');
    expect(read({ MUSTER_STATE_DIR: '/y' }, { ...machine, isRoot: true }).stateDir).toBe('/y');
  });

  test.each([
    ['unix:///run/user/1000/podman/podman.sock', { socketPath: '/run/user/1000/podman/podman.sock' }],
    ['tcp://127.0.0.1:2375', { host: '127.0.0.1', port: 2375 }],
    ['tcp://[::1]:99', { host: '[::1]', port: 99 }],
    ['tcp://engine', { host: 'engine', port: 0 }],
    ['http://engine:8080/', { host: 'engine', port: 8080 }],
    ['ssh://me@host:2222/run/docker.sock', { user: 'me', host: 'host', port: '2222', remotePath: '/run/docker.sock' }],
    ['ssh://host', { user: null, host: 'host', port: null, remotePath: null }],
  ])('parses DOCKER_HOST=%s', (DOCKER_HOST, address) => {
    expect(read({ DOCKER_HOST }).engine.address).toMatchObject(address);
  });

  test.each(['ssh://-oProxyCommand=x', 'ssh://-x@host', 'ssh://me:word@host', 'ssh://host/$(x)', 'npipe://x', 'host'])(
    'rejects DOCKER_HOST=%s',
    (DOCKER_HOST) => {
      expect(errors({ DOCKER_HOST })).toEqual([expect.stringMatching(/^DOCKER_HOST /)]);
    },
  );

  test('uses TLS with the same certificates as docker if DOCKER_TLS_VERIFY is set', () => {
    expect(read({ DOCKER_TLS_VERIFY: '1' }).engine.tls).toEqual({ certPath: '/home/me/.docker', isVerified: true });
    expect(read({ DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/c' }).engine.tls).toMatchObject({ certPath: '/c' });
  });

  test('accepts an API address with a path and removes its trailing slash', () => {
    expect(read({ MUSTER_URL: 'https://example.com/muster/' }).musterUrl).toBe('https://example.com/muster');
    expect(read({ MUSTER_URL: 'http://127.0.0.1:3000/' }).musterUrl).toBe('http://127.0.0.1:3000');
    expect(read({ MUSTER_URL: '', MUSTER_ENROLL_TOKEN: enrollToken })).toMatchObject({ musterUrl: null, enrollToken });
  });

  test('accepts an IPv6 address, and rejects an IPv6 zone with the reason', () => {
    expect(read({ MUSTER_URL: 'http://[::1]:3000' }).musterUrl).toBe('http://[::1]:3000');
    for (const MUSTER_URL of ['http://[fe80::1%25eth0]:3000', 'http://[fe80::1%eth0]:3000']) {
      expect(errors({ MUSTER_URL })).toEqual([expect.stringMatching(/^MUSTER_URL must not contain an IPv6 zone/)]);
    }
  });

  test('reads the host’s name and labels, and reports the variable that has an invalid value', () => {
    expect(read({ MUSTER_HOST_NAME: ' edge 1 ', MUSTER_HOST_LABELS: 'env=prod, example.com/site=' })).toMatchObject({
      hostName: 'edge 1',
      hostLabels: { env: 'prod', 'example.com/site': '' },
    });
    expect(errors({ MUSTER_HOST_NAME: 'n'.repeat(201), MUSTER_HOST_LABELS: 'env=prod,site' })).toEqual([
      'MUSTER_HOST_NAME must have at most 200 characters',
      'MUSTER_HOST_LABELS is not valid: “site” must be a label such as env=prod',
    ]);
    expect(errors({ MUSTER_HOST_LABELS: 'env=a b' })).toEqual([expect.stringContaining('“a b”, the value of env')]);
    expect(errors({ MUSTER_HOST_NAME: '\u200b' })).toEqual(['MUSTER_HOST_NAME must contain a visible character']);
  });

  test('rejects a proxy that it cannot use', () => {
    expect(errors({ HTTPS_PROXY: 'socks5://proxy:1080' })).toEqual([
      expect.stringMatching(/^HTTPS_PROXY must be an http or https address .* SOCKS is not supported$/),
    ]);
    expect(errors({ HTTP_PROXY: 'http://me:100%sure@proxy:3128' })).toEqual([
      'HTTP_PROXY has a % in its user name or password that must be written as %25',
    ]);
    expect(read({ HTTP_PROXY: 'http://me:100%25sure@proxy:3128' }).proxy.http).toContain('100%25sure');
    expect(errors({ HTTPS_PROXY: 'proxy:port' })).toEqual([expect.stringMatching(/^HTTPS_PROXY must be an http/)]);
  });

  test('accepts a proxy without a scheme', () => {
    for (const address of ['proxy:3128', 'proxy.example.com', '10.0.0.1:3128', 'me:secret@proxy:3128']) {
      expect(read({ HTTPS_PROXY: address }).proxy.https).toBe(`http://${address}`);
    }
  });

  test('reads the files with trusted certificates', () => {
    const files = { MUSTER_CA_FILE: '/a.pem', SSL_CERT_FILE: '/b.pem', NODE_EXTRA_CA_CERTS: '/c.pem' };
    expect(read(files).trust).toEqual({ caFile: '/a.pem', systemFile: '/b.pem', extraFile: '/c.pem' });
  });

  test('reports each invalid value on a separate line without printing the token', () => {
    const bad = {
      MUSTER_URL: 'example.com',
      MUSTER_ENROLL_TOKEN: `${enrollToken}x`,
      DOCKER_HOST: 'npipe://x',
      DOCKER_API_VERSION: 'new',
      MUSTER_REDACT_NAMES: '(',
      MUSTER_TOKEN_DAYS: 'never',
      HTTPS_PROXY: 'socks5://proxy:1080',
      LOG_LEVEL: 'loud',
    };
    expect(errors(bad).map((line) => line.split(' ')[0])).toEqual(Object.keys(bad));
    expect(errors(bad).join('\n')).not.toContain(enrollToken);
    expect(errors({ MUSTER_URL: 'https://me:secret@example.com' })).toEqual([
      'MUSTER_URL must not contain a user name or a password',
    ]);
  });
});

describe('the settings', () => {
  const layers = {
    flags: { url: 'https://flag' },
    environment: { MUSTER_URL: 'https://environment', LOG_LEVEL: 'warn', DOCKER_HOST: '', https_proxy: 'http://a:b@p' },
    file: {
      MUSTER_URL: 'https://file',
      LOG_LEVEL: 'error',
      DOCKER_HOST: 'tcp://file',
      MUSTER_ENROLL_TOKEN: 'muster_enroll_x',
    },
  };

  test('come from flags, then from the environment, then from the file; an empty value counts as unset', () => {
    expect(layerSettings(layers)).toEqual({
      values: {
        MUSTER_URL: 'https://flag',
        LOG_LEVEL: 'warn',
        DOCKER_HOST: 'tcp://file',
        HTTPS_PROXY: 'http://a:b@p',
        MUSTER_ENROLL_TOKEN: 'muster_enroll_x',
      },
      origins: {
        MUSTER_URL: 'flag',
        LOG_LEVEL: 'environment',
        DOCKER_HOST: 'file',
        HTTPS_PROXY: 'environment',
        MUSTER_ENROLL_TOKEN: 'file',
      },
    });
  });

  test.each([
    [{ flags: { token: 't' }, environment: { MUSTER_ENROLL_TOKEN_FILE: '/t' } }, { MUSTER_ENROLL_TOKEN: 't' }],
    [{ flags: { 'token-file': '/t' }, file: { MUSTER_ENROLL_TOKEN: 't' } }, { MUSTER_ENROLL_TOKEN_FILE: '/t' }],
    [
      { environment: { MUSTER_ENROLL_TOKEN_FILE: '/t' }, file: { MUSTER_ENROLL_TOKEN: 't' } },
      { MUSTER_ENROLL_TOKEN_FILE: '/t' },
    ],
    // `main` reports this as an error.
    [
      { environment: { MUSTER_ENROLL_TOKEN: 't', MUSTER_ENROLL_TOKEN_FILE: '/t' } },
      { MUSTER_ENROLL_TOKEN: 't', MUSTER_ENROLL_TOKEN_FILE: '/t' },
    ],
  ])('take the token from the first source that contains the token or a token file: %j', (set, values) => {
    expect(layerSettings({ flags: {}, environment: {}, file: {}, ...set }).values).toEqual(values);
  });

  test('are printed by `config` with each value’s source and without secrets', () => {
    const text = describeSettings(layerSettings(layers), '/etc/muster-agent/config');
    const lines = text
      .trim()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    expect(lines.map(([variable]) => variable)).toEqual(SETTINGS.map(({ variable }) => variable));
    expect(lines).toContainEqual(['MUSTER_URL', '--url', 'https://flag']);
    expect(lines).toContainEqual(['DOCKER_HOST', 'file /etc/muster-agent/config', 'tcp://file']);
    expect(lines).toContainEqual(['HTTPS_PROXY', 'environment', 'http://…@p']);
    expect(lines).toContainEqual([
      'MUSTER_ENROLL_TOKEN',
      'file /etc/muster-agent/config',
      'muster_enroll_… (not shown)',
    ]);
  });

  test('can come from a configuration file that sets only known variables', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'muster-config-'));
    try {
      const path = join(dir, 'config');
      expect(await readConfigFile(null, path)).toEqual({ path: null, values: {} });
      await expect(readConfigFile(path, '/none')).rejects.toMatchObject({ exitCode: 2 });
      await writeFile(path, '# the API\nMUSTER_URL=https://m.example.com\nLOG_LEVEL="warn"\n');
      expect((await readConfigFile(null, path)).values).toEqual({
        MUSTER_URL: 'https://m.example.com',
        LOG_LEVEL: 'warn',
      });
      await writeFile(path, 'MUSTER_CA_FILE=/etc/company.pem\nSSL_CERT_FILE=/s.pem\nNODE_EXTRA_CA_CERTS=/n.pem\n');
      const { values } = await readConfigFile(null, path);
      const layered = layerSettings({ flags: {}, environment: { SSL_CERT_FILE: '/environment.pem' }, file: values });
      expect(layered.values).toEqual({
        MUSTER_CA_FILE: '/etc/company.pem',
        SSL_CERT_FILE: '/environment.pem',
        NODE_EXTRA_CA_CERTS: '/n.pem',
      });
      expect(describeOrigins(layered, path)).toEqual({
        MUSTER_CA_FILE: `file ${path}`,
        SSL_CERT_FILE: 'environment',
        NODE_EXTRA_CA_CERTS: `file ${path}`,
      });
      await writeFile(path, 'MUSTER_ULR=https://m.example.com\n');
      await expect(readConfigFile(path, '/none')).rejects.toThrow('sets MUSTER_ULR, which');
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
