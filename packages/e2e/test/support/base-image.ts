import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { downloadNode, NODE_VERSION } from '@muster/image/node-executable';
import { isAvailable, type DockerEngine } from '@muster/testkit';

const exec = promisify(execFile);

/** Survives between runs, and is shared by all tests. */
const CACHE = fileURLToPath(new URL('../../../../node_modules/.cache/muster-images', import.meta.url));

/** The name of the base image. */
export const BASE_IMAGE = 'muster-test/base:1';

/** Returns whether Debian's file system can be built on this machine. If not, `isAvailable` reports the reason. */
export function hasDebootstrap(): boolean {
  const isInstalled = spawnSync('sh', ['-c', 'command -v debootstrap']).status === 0;
  return isAvailable(isInstalled ? null : 'no debootstrap: apt-get install debootstrap (needs root on Linux)');
}

/**
 * Imports an image with a minimal Debian 12 and Node.js 24 from npm, which stands for `node:24-bookworm-slim` in tests,
 * because they cannot pull images. Returns the image's name. The first call builds the file system in about a minute.
 * Later calls, also in other processes, take it from the cache. Debian comes from the mirror of this machine's apt.
 */
export async function importBaseImage({ docker }: Pick<DockerEngine, 'docker'>): Promise<string> {
  const archive = await debianArchive(`bookworm-node-${NODE_VERSION}`, 'bookworm', [], async (root) => {
    const work = await mkdtemp(join(CACHE, 'node-'));
    await rename(await downloadNode(work), join(root, 'usr/local/bin/node'));
    await rm(work, { recursive: true });
  });
  await docker('import', archive, BASE_IMAGE);
  return BASE_IMAGE;
}

/**
 * Returns the path of a tar archive with the file system of a minimal Debian with additional packages. `change` may
 * change the file system before it is archived. The archive is built once for each `name`, and then cached.
 */
export async function debianArchive(
  name: string,
  suite: string,
  packages: readonly string[],
  change: (root: string) => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  const archive = join(CACHE, `${name}.tar`);
  await mkdir(CACHE, { recursive: true });
  if (existsSync(archive)) return archive;
  const work = await mkdtemp(join(CACHE, `${name}-`));
  try {
    const root = join(work, 'root');
    const include = packages.length === 0 ? [] : [`--include=${packages.join(',')}`];
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', DPKG_FORCE: 'unsafe-io' };
    await exec('debootstrap', ['--variant=minbase', ...include, suite, root, ...(await mirror())], {
      env: environment,
      maxBuffer: 64 * 1024 * 1024,
    });
    await change(root);
    // Documentation, and what apt downloaded.
    const unused = [
      './usr/share/doc',
      './usr/share/man',
      './usr/share/locale',
      './var/cache/apt',
      './var/lib/apt/lists',
    ];
    const exclude = [...unused.map((path) => `--exclude=${path}/*`), '--exclude=./dev/*', '--exclude=./proc/*'];
    await exec('tar', ['-C', root, ...exclude, '-cf', `${root}.tar`, '.']);
    await rename(`${root}.tar`, archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return archive;
}

/** Returns the address of this machine's Debian mirror. Elsewhere than on Debian, debootstrap uses its own default. */
async function mirror(): Promise<string[]> {
  const { stdout } = await exec('sh', [
    '-c',
    `. /etc/os-release; [ "$ID" != debian ] || apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
      awk -v codename="$VERSION_CODENAME" '$1 == codename && /debian/ { print $2; exit }'`,
  ]);
  return stdout.trim() === '' ? [] : [stdout.trim()];
}
