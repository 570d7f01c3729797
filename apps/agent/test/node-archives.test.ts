import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ARCHITECTURES } from '../scripts/executable.js';
import { UnknownArchiveError, archiveHash, checkArchive, receivesSecurityFixes } from '../scripts/node-archives.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-archives-'));
});
afterEach(() => rm(dir, { recursive: true }));

const PACKAGING = new URL('../packaging/', import.meta.url);

test('an archive in which one bit differs is rejected', async () => {
  const path = join(dir, 'node.tgz');
  const content = Buffer.from('what the registry sent');
  await writeFile(path, content);
  const hash = createHash('sha512').update(content).digest('base64');
  await checkArchive(path, hash);
  content[3]! ^= 1;
  await writeFile(path, content);
  await expect(checkArchive(path, hash)).rejects.toThrow(UnknownArchiveError);
});

test('a version of Node.js without a hash in the repository is rejected with advice', () => {
  expect(() => archiveHash('20.0.0', 'arm64')).toThrow(UnknownArchiveError);
  expect(() => archiveHash('20.0.0', 'arm64')).toThrow('node-archives.ts');
});

test.each([
  ['20.20.2', false],
  ['22.12.0', true],
  ['24.21.0', true],
])('Node.js %s gets security fixes: %s', (version, isMaintained) => {
  expect(receivesSecurityFixes(version)).toBe(isMaintained);
});

test('the repository has a hash of the image’s Node.js version for each architecture', async () => {
  const [, version] = /^FROM node:(\d+\.\d+\.\d+)-/m.exec(await readFile(new URL('Dockerfile', PACKAGING), 'utf8'))!;
  for (const arch of ARCHITECTURES) {
    expect(Buffer.from(archiveHash(version!, arch), 'base64')).toHaveLength(64);
  }
});

test('a release is not built from an archive that the registry has changed', async () => {
  const other = ARCHITECTURES.find((arch) => arch !== process.arch)!;
  // Replaces npm and returns an archive with a different program.
  const npm = `#!/bin/sh
while [ "$1" != --pack-destination ]; do shift; done
mkdir -p '${dir}/package/bin' && echo other >'${dir}/package/bin/node'
tar -czf "$2/node.tgz" -C '${dir}' package && echo '[{"filename":"node.tgz"}]'
`;
  await writeFile(join(dir, 'npm'), npm, { mode: 0o755 });
  const release = join(dir, 'release');
  const result = spawnSync(
    process.execPath,
    ['--conditions=source', '--import', 'tsx', 'scripts/package.ts', '--out', release, other],
    {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: { ...process.env, PATH: `${dir}:${process.env['PATH']}` },
      encoding: 'utf8',
    },
  );
  expect(result.status).toBe(1);
  // Without a hash for the version, npm is not even called.
  expect(result.stderr).toMatch(/UnknownArchiveError: (.* does not have the hash|no hash is known)/);
  expect(await readdir(release)).toEqual([]);
  expect(result.stderr.includes('without security fixes')).toBe(!receivesSecurityFixes(process.versions.node));
}, 60_000);
