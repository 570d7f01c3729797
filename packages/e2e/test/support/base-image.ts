import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { downloadNode, NODE_VERSION } from '@muster/image/node-executable';
import { isAvailable, type DockerEngine } from '@muster/testkit';
import { findMirror } from './debian.js';

const run = promisify(execFile);

/** This directory survives between runs, and all tests share it. */
const CACHE = fileURLToPath(new URL('../../../../node_modules/.cache/muster-base-image', import.meta.url));
/** The image's file system. */
const ARCHIVE = join(CACHE, `bookworm-node-${NODE_VERSION}.tar`);

/** The name of the base image. */
export const BASE_IMAGE = 'muster-test/base:1';

/** Returns whether Debian's file system can be built on this machine. If not, `isAvailable` reports the reason. */
export function hasDebootstrap(): boolean {
  const isInstalled = spawnSync('sh', ['-c', 'command -v debootstrap']).status === 0;
  return isAvailable(isInstalled ? null : 'no debootstrap: apt-get install debootstrap (needs root on Linux)');
}

/**
 * Imports an image with a minimal Debian 12 and with Node.js 24 from npm, and returns its name. Tests cannot pull
 * images, so this image replaces `node:24.21.0-bookworm-slim`. The first call builds the file system of the image,
 * which takes a minute. Later calls, even in other processes, use the cached file system.
 */
export async function importBaseImage({ docker }: Pick<DockerEngine, 'docker'>): Promise<string> {
  await mkdir(CACHE, { recursive: true });
  if (!existsSync(ARCHIVE)) await buildArchive();
  await docker('import', ARCHIVE, BASE_IMAGE);
  return BASE_IMAGE;
}

async function buildArchive(): Promise<void> {
  const work = await mkdtemp(join(CACHE, 'work-'));
  try {
    const root = join(work, 'root');
    // dpkg need not wait for the disk, because the cache can be built again after a power failure.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', DPKG_FORCE: 'unsafe-io' };
    await run('debootstrap', ['--variant=minbase', 'bookworm', root, await findMirror()], { env });
    await rename(await downloadNode(work), join(root, 'usr/local/bin/node'));
    const unused = [
      'usr/share/doc',
      'usr/share/man',
      'usr/share/locale',
      'var/cache/apt',
      'var/lib/apt/lists',
      'dev',
      'proc',
    ];
    const exclude = unused.map((path) => `--exclude=./${path}/*`);
    await run('tar', ['-C', root, ...exclude, '-cf', `${root}.tar`, '.']);
    await rename(`${root}.tar`, ARCHIVE);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
