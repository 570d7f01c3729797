/** Runs the command line in this process on real databases. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openDatabase } from '@muster/db';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
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

  test.each([
    [[], 'Usage'],
    [['backup'], "missing required argument 'file'"],
    [['backup', 'a', 'b'], 'too many arguments'],
    [['backup', 'a', '--frce'], "unknown option '--frce'"],
    [['steal'], "unknown command 'steal'"],
  ])('%j exits with 2 and prints an explanation to standard error', async (args, words) => {
    const { code, out, err } = await muster(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(words);
  });
});

test.each([
  [['login', 'https://muster.example.org', '--key=muster_key_secret'], "unknown option '--key=muster_key_…'"],
  [['muster_key_secret'], "unknown command 'muster_key_…'"],
  [['events', '--limit', 'muster_key_secret'], "argument 'muster_key_…' is invalid"],
])('%j is refused without printing the key', async (args, words) => {
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
    // A database in use can be neither backed up nor overwritten.
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

  test('that fail exit with 1, print the reason in one line and leave no file', async () => {
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
