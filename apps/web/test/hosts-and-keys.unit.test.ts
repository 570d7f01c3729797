import { describe, expect, test } from '@jest/globals';
import { formatToken, Paths, TOKEN_RANDOM_BYTES } from '@muster/contracts';
import fc from 'fast-check';
import { access, readFile } from 'node:fs/promises';
import { installMethods } from '../src/features/add-host/install-methods';
import { compareSeverity } from '../src/features/fleet/host-order';
import { expiryOf, isKeyInvalid, isTokenInvalid } from '../src/features/settings/expiry';
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
    expect(expiryOf('never', NOW)).toBeNull();
    for (const days of ['30', '90', '365'] as const) {
      expect(Date.parse(expiryOf(days, NOW)!) - NOW).toBe(Number(days) * DAY);
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
  const methods = installMethods(url, token);

  test('contain the server’s URL and the token exactly once each', () => {
    for (const { command } of methods) {
      expect(command.split(token)).toHaveLength(2);
      expect(command.split(url)).toHaveLength(2);
    }
    expect(new Set(methods.map(({ id }) => id)).size).toBe(methods.length);
  });

  test('continue every line except the last, so that they can be pasted as one command', () => {
    for (const { command } of methods) {
      const lines = command.split('\n');
      for (const line of lines.slice(0, -1)) expect(line).toMatch(/ (\\|\||&&)$/);
      expect(lines.at(-1)).not.toMatch(/[\\|&]$/);
    }
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
    const [, file] = / -f (\S+)/.exec(commandOf('docker'))!;
    await expect(access(new URL(file!, root))).resolves.toBeUndefined();
    expect(new URL(/https:[^\s)]+/.exec(commandOf('systemd'))![0]).pathname).toBe(Paths.installScript);
  });
});
