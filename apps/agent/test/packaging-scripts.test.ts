import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { deleteAbandoned, partialDirectory, replaceDirectory } from '../scripts/replace-directory.js';
import { writeTar, type TarEntry } from '../scripts/tar.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-packaging-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('replacing a release', () => {
  test('leaves the complete files of one process if several processes replace the release at the same time', async () => {
    const release = join(dir, 'release');
    const numbers = Array.from({ length: 8 }, (_, i) => String(i));
    await Promise.all(
      numbers.map(async (number) => {
        const replacement = `${release}.part-${number}`;
        await mkdir(replacement);
        for (const name of ['a', 'b']) await writeFile(join(replacement, name), number);
        await replaceDirectory(replacement, release);
      }),
    );
    const [a, b] = await Promise.all(['a', 'b'].map((name) => readFile(join(release, name), 'utf8')));
    expect(numbers).toContain(a);
    expect(b).toBe(a);
    expect(await readdir(dir)).toEqual(['release']);
  });

  test('deletes the directories of killed processes, but not of running processes', async () => {
    const release = join(dir, 'release');
    // Linux does not use numbers above 2^22 for processes.
    const names = ['release', 'release.part-99999999', 'release.part-99999999-previous', 'other.part-99999999'];
    for (const name of names) await mkdir(join(dir, name));
    await mkdir(partialDirectory(release));
    await deleteAbandoned(release);
    expect(await readdir(dir)).toEqual(['other.part-99999999', 'release', `release.part-${process.pid}`]);
  });
});

describe('a tar archive', () => {
  const entries: TarEntry[] = [
    { path: 'directory/', mode: 0o700, owner: 65_532, content: null },
    { path: 'directory/empty', mode: 0o644, owner: 0, content: Buffer.alloc(0) },
    { path: 'directory/file', mode: 0o755, owner: 0, content: Buffer.alloc(1_000, 'x') },
  ];

  test('contains entries that tar can read, and is reproducible', async () => {
    const paths = [join(dir, '1.tar'), join(dir, '2.tar')];
    const hashes = [];
    for (const path of paths) hashes.push(await writeTar(path, entries));
    expect(hashes[0]).toBe(hashes[1]);
    expect(execFileSync('sha256sum', [paths[1]!]).toString()).toContain(hashes[0]);
    const listed = execFileSync('tar', ['--utc', '-tvf', paths[0]!]).toString().trim().split('\n');
    expect(listed.map((line) => line.replace(/ +/g, ' '))).toEqual([
      'drwx------ 65532/65532 0 1970-01-01 00:00 directory/',
      '-rw-r--r-- 0/0 0 1970-01-01 00:00 directory/empty',
      '-rwxr-xr-x 0/0 1000 1970-01-01 00:00 directory/file',
    ]);
    expect(execFileSync('tar', ['-xOf', paths[0]!, 'directory/file']).toString()).toBe('x'.repeat(1_000));
  });

  test('cannot contain a path that is too long for its header', async () => {
    const entry = { path: 'x'.repeat(101), mode: 0o644, owner: 0, content: null };
    await expect(writeTar(join(dir, 'long.tar'), [entry])).rejects.toThrow('too long');
  });
});
