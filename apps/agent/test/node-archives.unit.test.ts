import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ARCHITECTURES } from '../scripts/executable.js';
import { UnknownArchiveError, archiveHash, checkArchive, receivesSecurityFixes } from '../scripts/node-archives.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-archives-'));
});
afterEach(() => rm(dir, { recursive: true }));

const PACKAGING = new URL('../packaging/', import.meta.url);

test('rejects an archive in which one bit differs', async () => {
  const path = join(dir, 'node.tgz');
  const content = Buffer.from('what the registry sent');
  await writeFile(path, content);
  const hash = createHash('sha512').update(content).digest('base64');
  await checkArchive(path, hash);
  content[3]! ^= 1;
  await writeFile(path, content);
  await expect(checkArchive(path, hash)).rejects.toThrow(UnknownArchiveError);
});

test('rejects a version of Node.js without a hash in the repository, with advice', () => {
  expect(() => archiveHash('20.0.0', 'arm64')).toThrow(UnknownArchiveError);
  expect(() => archiveHash('20.0.0', 'arm64')).toThrow('node-archives.ts');
});

test.each([
  ['20.20.2', false],
  ['22.12.0', true],
  ['24.21.0', true],
])('Node.js %s still receives security fixes: %s', (version, isMaintained) => {
  expect(receivesSecurityFixes(version)).toBe(isMaintained);
});

test('the repository contains a hash of the image’s Node.js version for each architecture', async () => {
  const [, version] = /^FROM node:(\d+\.\d+\.\d+)-/m.exec(await readFile(new URL('Dockerfile', PACKAGING), 'utf8'))!;
  for (const arch of ARCHITECTURES) {
    expect(Buffer.from(archiveHash(version!, arch), 'base64')).toHaveLength(64);
  }
});
