/** Runs the command line in this process on real databases. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openDatabase } from '@muster/db';
import { isAvailable, runIf } from '@muster/testkit';
import { chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../src/command-line.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs a command line. Paths in the output are relative to the test's folder. */
async function muster(args: string[], env: Record<string, string> = {}) {
  const output = { out: '', err: '' };
  const code = await runCli(args, {
    env,
    out: (text) => void (output.out += text),
    err: (text) => void (output.err += text),
    screen: null,
    askSecret: () => Promise.resolve(''),
    interrupted: new AbortController().signal,
  });
  return { code, out: output.out.replaceAll(folder, '.'), err: output.err.replaceAll(folder, '.') };
}

const pathOf = (name: string): string => join(folder, name);

describe('a command line', () => {
  test.each([[['--help']], [['help']], [['help', 'backup']], [['--', 'restore', '--help']]])(
    '%j prints help to standard output and exits with 0',
    async (args) => {
      const { code, out, err } = await muster(args);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toContain('Usage: muster');
    },
  );

  test('without a command exits with 2 and prints help to standard error', async () => {
    expect(await muster([])).toEqual({ code: 2, out: '', err: expect.stringContaining('Usage') });
  });

  test.each([['--version'], ['-v']])('%s prints the version', async (flag) => {
    const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await muster([flag])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  test.each([
    [['backup'], "missing required argument 'file' (see --help)"],
    [['backup', 'a', 'b'], "too many arguments for 'backup'"],
    [['backup', 'a', '--frce'], "unknown option '--frce' (Did you mean --force?) (see --help)"],
    [['steal'], "unknown command 'steal' (see --help)"],
    [['hosts', '--limit'], "option '--limit <number>' argument missing (see --help)"],
    [['backup', 'a\u001b[2Jb', 'c', 'd\n\u009b31m'], 'too many arguments'],
  ])('%j exits with 2 and prints one line to standard error', async (args, words) => {
    const { code, out, err } = await muster(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^muster: [^\p{Cc}]+\n$/u);
    expect(err).toContain(words);
  });

  // No server is configured, so the values are checked before any request.
  test.each([
    [['hosts', '--sort', 'nope'], "--sort cannot be 'nope': it must be one of: name, severity, "],
    [['hosts', '--sort', '--name'], "--sort cannot be '--name': it must be one of: name, "],
    [['hosts', '--freshness', 'on'], "--freshness cannot be 'on': it must be one of: online, stale, "],
    [['hosts', '--problem', 'x'], "--problem cannot be 'x': it must be one of: engine_unreachable, "],
    [['hosts', '--search', ''], "--search cannot be '': it must not be empty"],
    [['hosts', '--limit', '0'], "--limit cannot be '0': it must be a positive whole number"],
    [['hosts', '-o', 'yaml'], "--output cannot be 'yaml': it must be one of: table, wide, json, csv"],
    [['containers', '--health', 'nope'], "--health cannot be 'nope': it must be one of: healthy, unhealthy, starting"],
    [['containers', '--state', ''], "--state cannot be '': it must not be empty"],
    [['containers', '--host', ''], "--host cannot be '': it must not be empty"],
    [['containers', '--label', ''], "--label cannot be '': it must not be empty"],
    [['containers', '--image', ''], "--image cannot be '': it must not be empty"],
    [['containers', '--sort', 'firstseenat'], "--sort cannot be 'firstseenat': it must be one of: name, image, "],
    [['containers', '--sort', '-state'], '--sort state also needs --host'],
    [['events', '--kind', 'exploded'], "--kind cannot be 'exploded': it must be one of: created, "],
    [['events', '--since', 'now'], "--since cannot be 'now': it must be a time such as "],
    [['events', '--since', '0h'], "--since cannot be '0h': it must be a number and a unit, such as "],
    [['events', '--since', '1h', '--until', '2h'], '--since must be earlier than --until'],
    [['events', '--name', ''], "--name cannot be '': it must not be empty"],
    [['enroll-token', 'create', ''], "<name> cannot be '': it must not be empty"],
    [['enroll-token', 'create', 'a', '--uses', '-1'], "--uses cannot be '-1': it must be a positive whole number"],
    [['enroll-token', 'create', 'a', '--expires', '53w'], "--expires cannot be '53w': it must be at most 365d"],
    [['export', 'images'], "<what> cannot be 'images': it must be one of: containers, events"],
    [['export', 'events', '--format', 'x'], "--format cannot be 'x': it must be one of: csv, ndjson"],
    [['login', 'ftp://example.org'], 'the URL must look like https://muster.example.org'],
  ])('%j exits with 2 and reports the option', async (args, message) => {
    const { code, out, err } = await muster(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.startsWith(`muster: ${message}`)).toBe(true);
    expect(err).toMatch(/^.+\n$/);
  });
});

test.each([
  [['login', 'https://muster.example.org', '--key=muster_key_secret'], "unknown option '--key=muster_key_…'"],
  [['muster_key_secret'], "unknown command 'muster_key_…'"],
  [['events', '--limit', 'muster_key_secret'], "--limit cannot be 'muster_key_…': it must be a positive whole number"],
])('%j is refused, and the key is not printed', async (args, words) => {
  const { code, out, err } = await muster(args);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(words);
  expect(err).not.toContain('secret');
});

describe('backup and restore', () => {
  test('move a database from one directory to another', async () => {
    const database = await openDatabase({ dataDir: pathOf('data') });
    await database.prisma.organization.create({ data: { id: 'org', name: 'Org', slug: 'org' } });
    await database.close();

    const backup = await muster(['backup', pathOf('b'), '--data-dir', pathOf('data')]);
    expect(backup).toEqual({
      code: 0,
      out: expect.stringMatching(/^\.\/b: 1 rows of \d+ tables in \d+ bytes\n$/),
      err: '',
    });
    const restored = await muster(['restore', pathOf('b')], { MUSTER_DATA_DIR: pathOf('copy') });
    expect(restored).toEqual({ code: 0, out: expect.stringMatching(/^\.\/copy: 1 rows as of 20/), err: '' });

    const copy = await openDatabase({ dataDir: pathOf('copy') });
    expect(await copy.prisma.organization.findMany({ select: { name: true } })).toEqual([{ name: 'Org' }]);
    // A database that is in use cannot be backed up or overwritten.
    expect(await muster(['backup', pathOf('c'), '-d', pathOf('copy')])).toEqual({
      code: 1,
      out: '',
      err:
        'muster: The data directory ./copy is in use by another Muster process: stop that process, or use another ' +
        'directory.\n',
    });
    expect((await muster(['restore', pathOf('b'), '-d', pathOf('copy')])).code).toBe(1);
    await copy.close();
  });

  const missingRoot = process.getuid?.() === 0 ? null : 'only root can give a directory to another user';
  runIf(isAvailable(missingRoot), test)('refuse to run as root on the directory of another user', async () => {
    await mkdir(pathOf('data'));
    await chown(pathOf('data'), 12_345, 12_345);
    for (const args of [
      ['backup', pathOf('b')],
      ['restore', pathOf('b')],
      ['move-database', '--to', 'postgresql://127.0.0.1:9/muster'],
    ]) {
      expect(await muster([...args, '-d', pathOf('data')])).toEqual({
        code: 1,
        out: '',
        err: expect.stringContaining(
          "./data belongs to the user with the ID 12345: run this command as that user (sudo -u '#12345')",
        ),
      });
    }
    expect(await readdir(pathOf('data'))).toEqual([]);
  });

  test('exit with 1, print the reason in one line and leave no file if they fail', async () => {
    expect(await muster(['backup', pathOf('b'), '-d', pathOf('none')])).toEqual({
      code: 1,
      out: '',
      err: 'muster: There is no database in ./none.\n',
    });
    await writeFile(pathOf('b'), 'no backup');
    const invalid = await muster(['restore', pathOf('b'), '-d', pathOf('copy')]);
    expect(invalid).toEqual({
      code: 1,
      out: '',
      err: expect.stringMatching(/^muster: \.\/b is not a Muster backup.*\n$/),
    });
    const missing = await muster(['restore', pathOf('none'), '-d', pathOf('copy')]);
    expect(missing).toEqual({ code: 1, out: '', err: expect.stringMatching(/^muster: The backup \.\/none cannot be/) });
    expect(await readdir(folder)).toEqual(['b']);
  });
});

// packages/e2e moves a database to a server.
describe('move-database', () => {
  const unreachable = 'postgresql://muster:secret@127.0.0.1:1/muster';

  test.each([
    [[], {}, 'no database given: set DATABASE_URL or DATABASE_URL_FILE, or use --to'],
    [[], { DATABASE_URL: 'a', DATABASE_URL_FILE: 'b' }, 'DATABASE_URL and DATABASE_URL_FILE are both set: unset one'],
    [[], { DATABASE_URL: 'mysql://secret' }, 'DATABASE_URL must be a URL such as postgresql://'],
    [['--to', 'secret'], {}, '--to must be a URL such as postgresql://'],
  ])('%j with %j exits with 2', async (args, env, words) => {
    const { code, out, err } = await muster(['move-database', ...args], env);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(`muster: ${words}`);
    expect(err).not.toContain('secret');
  });

  test('exits with 4 if the server is unreachable, and does not print the password', async () => {
    const fromOption = await muster(['move-database', '--to', unreachable]);
    expect(fromOption.code).toBe(4);
    expect(fromOption.err).toMatch(
      /^muster: warning: .*can see the password in --to.*\nmuster: .*muster@127.0.0.1:1\/muster cannot be reached: .*\n$/,
    );
    await writeFile(pathOf('url'), `${unreachable}\n`);
    const fromFile = await muster(['move-database'], { DATABASE_URL_FILE: pathOf('url') });
    expect(fromFile).toEqual({ code: 4, out: '', err: expect.stringMatching(/^muster: The database .*\n$/) });
    expect(fromOption.err + fromFile.err).not.toContain('secret');
  });

  test('exits with 2 if the file with the URL cannot be read', async () => {
    expect(await muster(['move-database'], { DATABASE_URL_FILE: pathOf('none') })).toEqual({
      code: 2,
      out: '',
      err: 'muster: DATABASE_URL_FILE must be the path of a readable file that contains the secret: no such file or directory\n',
    });
  });
});
