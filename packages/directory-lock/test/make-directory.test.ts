import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { chmod, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { explainDirectoryError, makeDirectory } from '../src/index.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-make-directory-'));
});
afterEach(() => rm(directory, { recursive: true }));

const errorOf = (path: string): Promise<unknown> =>
  makeDirectory(path).then(
    () => null,
    (error: unknown) => error,
  );

describe('makeDirectory', () => {
  test('creates the directory and its missing parents with the mode', async () => {
    const path = join(directory, 'a', 'b', 'c');
    await makeDirectory(path, 0o700);
    for (const each of [path, join(directory, 'a')]) expect((await stat(each)).mode & 0o777).toBe(0o700);
  });

  test('leaves an existing directory, or a link to a directory, unchanged', async () => {
    await chmod(directory, 0o750);
    const link = join(directory, 'link');
    await symlink(directory, link);
    for (const path of [directory, `${directory}/`, link, join(link, 'new')]) await makeDirectory(path, 0o700);
    expect((await stat(directory)).mode & 0o777).toBe(0o750);
  });

  test('succeeds for each of many concurrent calls', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => makeDirectory(join(directory, 'a', 'b', `${index % 4}`))),
    );
    expect((await stat(join(directory, 'a', 'b', '3'))).isDirectory()).toBe(true);
  });

  test('rejects within a second if a parent cannot be created, although mkdir of Node.js 20 would never return', async () => {
    const since = performance.now();
    expect(await errorOf('/proc/1/x/y')).toMatchObject({ code: 'ENOENT' });
    expect(performance.now() - since).toBeLessThan(1_000);
  });

  test('rejects with the reason if a file has the name of the directory or of a parent', async () => {
    const file = join(directory, 'file');
    await writeFile(file, '');
    await symlink(join(directory, 'nothing'), join(directory, 'dangling'));
    expect(await errorOf(file)).toMatchObject({ code: 'EEXIST' });
    expect(await errorOf(join(file, 'a', 'b'))).toMatchObject({ code: 'ENOTDIR' });
    expect(await errorOf(join(directory, 'dangling'))).toMatchObject({ code: 'EEXIST' });
  });
});

describe('explainDirectoryError', () => {
  test.each([
    ['EROFS', 'its file system is read-only'],
    ['ENOSPC', 'its disk is full'],
    ['ENOENT', 'it, or a part of its path, does not exist and cannot be created'],
    ['EWHATEVER', null],
  ])('explains %s', async (code, reason) => {
    expect(await explainDirectoryError(Object.assign(new Error(), { code }), directory)).toBe(reason);
  });

  test('mentions the mode if the owner has no permission', async () => {
    await chmod(directory, 0o500);
    expect(await explainDirectoryError(Object.assign(new Error(), { code: 'EACCES' }), directory)).toBe(
      `its mode 0500 does not let its owner, this user, write there (chmod u+rwx ${directory})`,
    );
  });

  test('returns null for a value that is not a system error', async () => {
    for (const value of [null, undefined, new Error('no code'), 'text']) {
      expect(await explainDirectoryError(value, directory)).toBeNull();
    }
  });
});
