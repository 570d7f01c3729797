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

test('an archive with one changed bit does not become part of a release', async () => {
  const path = join(dir, 'node.tgz');
  const content = Buffer.from('what the registry sent');
  await writeFile(path, content);
  const hash = createHash('sha512').update(content).digest('base64');
  await checkArchive(path, hash);
  content[3]! ^= 1;
  await writeFile(path, content);
  await expect(checkArchive(path, hash)).rejects.toThrow(UnknownArchiveError);
});

test('a version of Node.js that the repository does not name is refused, with what to do', () => {
  expect(() => archiveHash('20.0.0', 'arm64')).toThrow(UnknownArchiveError);
  expect(() => archiveHash('20.0.0', 'arm64')).toThrow('node-archives.ts');
});

test.each([
  ['20.20.2', false],
  ['22.12.0', true],
  ['24.21.0', true],
])('Node.js %s receives security fixes: %s', (version, isMaintained) => {
  expect(receivesSecurityFixes(version)).toBe(isMaintained);
});

test('the version that the image is built with has a hash for each architecture', async () => {
  const [, version] = /^FROM node:(\d+\.\d+\.\d+)-/m.exec(await readFile(new URL('Dockerfile', PACKAGING), 'utf8'))!;
  for (const arch of ARCHITECTURES) {
    expect(Buffer.from(archiveHash(version!, arch), 'base64')).toHaveLength(64);
  }
});

test('a release is not made of an archive that a registry has changed', async () => {
  const other = ARCHITECTURES.find((arch) => arch !== process.arch)!;
  // In place of npm: returns an archive that holds another program.
  const npm = `#!/bin/sh
while [ "$1" != --pack-destination ]; do shift; done
mkdir -p '${dir}/package/bin' && echo other >'${dir}/package/bin/node'
tar -czf "$2/node.tgz" -C '${dir}' package && echo '[{"filename":"node.tgz"}]'
`;
  await writeFile(join(dir, 'npm'), npm, { mode: 0o755 });
  const release = join(dir, 'release');
  const made = spawnSync(
    process.execPath,
    ['--conditions=source', '--import', 'tsx', 'scripts/package.ts', '--out', release, other],
    {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: { ...process.env, PATH: `${dir}:${process.env['PATH']}` },
      encoding: 'utf8',
    },
  );
  expect(made.status).toBe(1);
  // A Node.js that the repository has no hash for does not even ask npm.
  expect(made.stderr).toMatch(/UnknownArchiveError: (.* is not the archive|no hash is known)/);
  expect(await readdir(release)).toEqual([]);
  expect(made.stderr.includes('has no security fixes')).toBe(!receivesSecurityFixes(process.versions.node));
}, 60_000);
