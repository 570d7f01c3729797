import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ARCHITECTURES } from '../scripts/executable.js';
import { receivesSecurityFixes } from '../scripts/node-archives.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-archives-'));
});
afterEach(() => rm(dir, { recursive: true }));

test('a release is not built from an archive that the registry has changed', async () => {
  const other = ARCHITECTURES.find((arch) => arch !== process.arch)!;
  // A fake npm that returns an archive with a different program.
  const npm = `#!/bin/sh
while [ "$1" != --pack-destination ]; do shift; done
mkdir -p '${dir}/package/bin' && echo other >'${dir}/package/bin/node'
tar -czf "$2/node.tgz" -C '${dir}' package && echo '[{"filename":"node.tgz"}]'
`;
  await writeFile(join(dir, 'npm'), npm, { mode: 0o755 });
  const release = join(dir, 'release');
  const result = spawnSync(
    process.execPath,
    ['--conditions=@muster/source', '--import', 'tsx', 'scripts/package.ts', '--out', release, other],
    {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: { ...process.env, PATH: `${dir}:${process.env['PATH']}` },
      encoding: 'utf8',
    },
  );
  expect(result.status).toBe(1);
  // If no hash is known for this version of Node.js, npm is not called.
  expect(result.stderr).toMatch(/UnknownArchiveError: (.* does not have the hash|no hash is known)/);
  // No file of a release is left.
  expect((await readdir(dir)).filter((name) => name.startsWith('release'))).toEqual([]);
  expect(result.stderr.includes('which no longer receives security fixes')).toBe(
    !receivesSecurityFixes(process.versions.node),
  );
}, 300_000);
