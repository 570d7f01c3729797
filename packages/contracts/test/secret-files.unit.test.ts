import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as fs from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSecretFiles } from '../src/index.js';

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'muster-secrets-'))));
afterAll(() => rm(directory, { recursive: true }));

const read = (source: Record<string, string | undefined>) => readSecretFiles(source, ['KEY'], fs);

const file = async (content: string | Uint8Array): Promise<string> => {
  const path = join(directory, 'secret');
  await writeFile(path, content);
  return path;
};

describe('a secret in a file', () => {
  test.each([
    ['hunter2', 'hunter2'],
    ['hunter2\n', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    ['hunter2\n\n', 'hunter2\n'],
    [' hunter2 \r', ' hunter2 \r'],
    ['x'.repeat(64 * 1024), 'x'.repeat(64 * 1024)],
  ])('is the content of the file without one line break at the end (%#)', async (content, value) => {
    const source = { KEY_FILE: await file(content), OTHER: 'set' };
    expect(read({ ...source, UNSET: undefined, EMPTY: '' })).toEqual({
      values: { ...source, KEY: value },
      problems: [],
    });
  });

  test('is read only for variables that contain secrets', () => {
    expect(read({ CA_FILE: '/missing', KEY: 'hunter2', KEY_FILE: '' })).toEqual({
      values: { CA_FILE: '/missing', KEY: 'hunter2' },
      problems: [],
    });
  });

  test('cannot also be set as a variable', async () => {
    const path = await file('hunter2');
    expect(read({ KEY: 'hunter2', KEY_FILE: path }).problems).toEqual([
      'KEY and KEY_FILE are both set: unset one of them',
    ]);
    expect(read({ KEY: '', KEY_FILE: path })).toMatchObject({ values: { KEY: 'hunter2' }, problems: [] });
  });

  test('causes an error with the variable and the path, but not the content, if the file is unusable', async () => {
    const problemOf = (path: string) => read({ KEY_FILE: path }).problems;
    const path = join(directory, 'secret');
    for (const empty of ['', '\n']) {
      expect(problemOf(await file(empty))).toEqual([`KEY_FILE names ${path}, which is empty`]);
    }
    expect(problemOf(await file('x'.repeat(64 * 1024 + 1)))).toEqual([
      `KEY_FILE names ${path}, which is larger than 64 KiB`,
    ]);
    expect(problemOf('/dev/zero')).toEqual(['KEY_FILE names /dev/zero, which is larger than 64 KiB']);
    expect(problemOf(await file(Uint8Array.of(0x68, 0xff)))).toEqual([
      `KEY_FILE names ${path}, which is not UTF-8 text`,
    ]);
    const folder = join(directory, 'folder');
    await mkdir(folder);
    expect(problemOf(folder)).toEqual([
      `KEY_FILE names ${folder}, which cannot be read: illegal operation on a directory`,
    ]);
  });

  test.each([
    ['hunter2', ': no such file or directory'],
    ['postgresql://muster:hunter2@db/muster', ': no such file or directory'],
    // The output of `openssl rand -base64 24` contains a slash in four of ten cases, even as the first character.
    ['p4jQ/8Yw1kZ+3xNd5mB0cT7uVr2HsLfA', ': no such file or directory'],
    ['/p4jQ8Yw1kZ+3xNd5mB0cT7uVr2HsLfA', ': no such file or directory'],
    ['/dev/null/hunter2', ': not a directory'],
    [`line 1, open 'x'\nline 2`, ': no such file or directory'],
    ['x'.repeat(5_000), ': name too long'],
    ['hunter2\0', ''],
  ])('is not printed if the variable contains the secret instead of a path (%#)', (secret, reason) => {
    expect(read({ KEY_FILE: secret }).problems).toEqual([
      `KEY_FILE must be the path of a readable file that contains the secret${reason}`,
    ]);
  });
});
