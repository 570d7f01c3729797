import { describe, expect, test } from '@jest/globals';
import { formatToken, Paths, TOKEN_RANDOM_BYTES } from '@muster/contracts';
import fc from 'fast-check';
import { readFile } from 'node:fs/promises';
import { installMethods, isLoopback } from '../src/features/add-host/install-methods';
import { compareSeverity } from '../src/features/fleet/host-order';
import { toExpiresAt, isKeyInvalid, isTokenInvalid } from '../src/features/settings/expiry';
import { at, host, hostProblem, NOW } from './samples';

describe('the order of hosts', () => {
  const names = (hosts: Parameters<typeof host>[0][]) =>
    hosts
      .map((fields) => host(fields))
      .sort(compareSeverity)
      .map(({ name }) => name);

  test('starts with hosts that are not reporting and ends with hosts that have left', () => {
    expect(
      names([
        { name: 'left', freshness: 'left' },
        { name: 'online', freshness: 'online' },
        { name: 'never', freshness: 'never' },
        { name: 'stale', freshness: 'stale' },
        { name: 'engine', freshness: 'engine_down' },
        { name: 'offline', freshness: 'offline' },
      ]),
    ).toEqual(['engine', 'offline', 'stale', 'never', 'online', 'left']);
  });

  test('moves a host with a severe problem to the start, but not a host with a minor problem', () => {
    expect(
      names([
        { name: 'stale', freshness: 'stale' },
        { name: 'skewed', problems: [hostProblem('clock_skew')] },
        { name: 'cloned', problems: [hostProblem('clone_suspected')] },
      ]),
    ).toEqual(['cloned', 'stale', 'skewed']);
  });

  test('compares numbers in names as numbers', () => {
    expect(names([{ name: 'web-10' }, { name: 'web-9' }, { name: 'web-1' }])).toEqual(['web-1', 'web-9', 'web-10']);
  });
});

describe('an API key', () => {
  const DAY = 86_400_000;

  test('expires after the chosen number of days, or never', () => {
    expect(toExpiresAt('never', NOW)).toBeNull();
    for (const days of ['30', '90', '365'] as const) {
      expect(Date.parse(toExpiresAt(days, NOW)!) - NOW).toBe(Number(days) * DAY);
    }
  });

  test.each([
    ['without an expiry date grants access', { revokedAt: null, expiresAt: null }, false],
    ['that expires later grants access', { revokedAt: null, expiresAt: at(-1) }, false],
    ['that has expired is invalid', { revokedAt: null, expiresAt: at(1) }, true],
    ['that was revoked is invalid', { revokedAt: at(1), expiresAt: null }, true],
  ])('%s', (_name, key, isInvalid) => {
    expect(isKeyInvalid(key, NOW)).toBe(isInvalid);
  });
});

describe('an enrollment token', () => {
  const token = { revokedAt: null, uses: 0, maxUses: 1, expiresAt: at(-60) };
  test.each([
    ['that is new can be used', {}, false],
    ['that was used once can be used again', { uses: 1, maxUses: 2 }, false],
    ['that is used up is invalid', { uses: 1 }, true],
    ['that has expired is invalid', { expiresAt: at(1) }, true],
    ['that was revoked is invalid', { revokedAt: at(1) }, true],
  ])('%s', (_name, fields, isInvalid) => {
    expect(isTokenInvalid({ ...token, ...fields }, NOW)).toBe(isInvalid);
  });
});

describe('the commands that run an agent', () => {
  const url = 'https://muster.example.org:8443';
  const token = formatToken('enroll', new Uint8Array(TOKEN_RANDOM_BYTES));
  const release = { version: '1.2.3', images: ['x64'] };
  const methods = installMethods({ url, isConfigured: true }, token, release);

  test('contain the server’s URL and the token, and are one line each', () => {
    for (const { command } of methods) {
      expect(command.split(token)).toHaveLength(2);
      expect(command).toContain(url);
      expect(command).not.toContain('\n');
    }
    expect(methods.map(({ id }) => id)).toEqual(['service', 'docker', 'podman', 'node']);
  });

  test('need a release with images, except the command for Node.js', () => {
    const server = { url, isConfigured: true };
    expect(installMethods(server, token, null).map(({ id }) => id)).toEqual(['node']);
    const withoutImages = installMethods(server, token, { version: '1.2.3', images: [] });
    expect(withoutImages.map(({ id }) => id)).toEqual(['service', 'node']);
  });

  test('pass the server’s address to the installer unless MUSTER_PUBLIC_URL is set', () => {
    const command = (isConfigured: boolean) => installMethods({ url, isConfigured }, token, release)[0]!.command;
    expect(command(false)).toContain(`--url ${url}`);
    expect(command(true)).not.toContain('--url');
  });

  test('never pull an image from a registry', () => {
    const commands = methods.map(({ command }) => command).filter((command) => / run /.test(command));
    expect(commands).toHaveLength(2);
    for (const command of commands) expect(command).toMatch(/ --pull never .* muster-agent:1\.2\.3; }$/);
  });

  test('have a warning if only the server’s machine can reach the address', () => {
    const loopback = ['http://127.0.0.1:3000', 'http://127.1.2.3', 'http://localhost:3000', 'https://[::1]:3000'];
    expect(loopback.filter((address) => !isLoopback(address))).toEqual([]);
    expect([url, 'http://10.0.0.1:3000', 'http://[fd00::1]', 'http://127.example.org'].filter(isLoopback)).toEqual([]);
  });

  test('need no quoting, because a token consists of letters, digits and underscores', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: TOKEN_RANDOM_BYTES, maxLength: TOKEN_RANDOM_BYTES }), (random) => {
        expect(formatToken('enroll', random)).toMatch(/^\w+$/);
      }),
    );
  });

  test('use the package manager and the files of this repository', async () => {
    const root = new URL('../../../', import.meta.url);
    const { packageManager } = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as {
      packageManager: string;
    };
    const commandOf = (id: string) => methods.find((method) => method.id === id)!.command;
    expect(commandOf('node')).toContain(`npx -y ${packageManager} agent`);
    expect(new URL(/https:[^\s)]+/.exec(commandOf('service'))![0]).pathname).toBe(Paths.installScript);
    const downloads = Paths.agentRelease.replace(':file', '');
    for (const id of ['docker', 'podman'])
      expect(commandOf(id)).toContain(`${url}${downloads}muster-agent-image-linux-`);
  });
});
