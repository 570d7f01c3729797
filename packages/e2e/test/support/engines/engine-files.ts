import { spawnSync, execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isAvailable } from '@muster/testkit';
import { openRelease } from '../debian.js';

const run = promisify(execFile);

/** An engine in Debian. */
export interface EngineRelease {
  name: 'Docker' | 'Podman';
  /** The beginning of the engine's version; empty for an unstable release, whose versions change. */
  version: string;
  /** The releases of Debian that contain the engine and its libraries. */
  releases: readonly string[];
}

/** This directory survives between runs. */
const CACHE = fileURLToPath(new URL('../../../../../node_modules/.cache/muster-engines', import.meta.url));

const PROGRAMS = ['apt-get', 'dpkg-deb', 'tar', 'unshare', 'nsenter', 'ip', 'pivot_root'];

/** catatonit is the first process of the machine in which the engine runs. */
const COMMON_PACKAGES = ['busybox-static', 'catatonit', 'iptables', 'runc'];
const PACKAGES = {
  Docker: ['docker.io', 'containerd', 'docker-registry'],
  Podman: ['podman', 'netavark', 'conmon', 'crun', 'nftables', 'passt'],
} as const;

/**
 * Returns the directory with an engine's root file system, or null if the files are not available. In this case,
 * `isAvailable` reports the reason. The files of a stable release are downloaded once. The files of an unstable release
 * are downloaded at each run, because their versions change.
 */
export async function findEngineFiles(engine: EngineRelease): Promise<string | null> {
  const missing = PROGRAMS.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
  const packages = packagesOf(engine);
  const hash = createHash('sha256')
    .update(JSON.stringify([engine.releases, packages, UNPACK]))
    .digest('hex');
  const root = join(CACHE, `${engine.name}-${engine.releases[0]}-${hash.slice(0, 12)}`.toLowerCase());
  let reason = missing.length > 0 ? `no ${missing.join(', ')}` : isRoot ? null : 'not root on Linux';
  if (reason === null && (engine.version === '' || !existsSync(root))) {
    reason = await download(engine.releases, packages, root).then(
      () => null,
      (error: unknown) => String(error).slice(-2_000),
    );
  }
  const how =
    'it is downloaded from the Debian mirror of this machine, as root on Linux: apt-get install debian-archive-keyring debootstrap iproute2';
  const label = `${engine.name} ${engine.version || 'of Debian'} (${engine.releases[0]})`;
  return isAvailable(reason && `${label} is not available (${reason}): ${how}`) ? root : null;
}

// Since Debian 13, Docker's command line is in a separate package.
const packagesOf = ({ name, releases }: EngineRelease): string[] => [
  ...COMMON_PACKAGES,
  ...PACKAGES[name],
  ...(name === 'Docker' && releases[0] !== 'bookworm' ? ['docker-cli'] : []),
];

/** Downloads the engine's packages with all dependencies, and unpacks them. Nothing is installed on this machine. */
async function download(releases: readonly string[], packages: readonly string[], root: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(join(CACHE, 'work-'));
  try {
    const apt = await openRelease(work, releases);
    await apt('install', '--download-only', ...packages);
    await run('sh', ['-ec', UNPACK], { cwd: work });
    await rm(root, { recursive: true, force: true });
    await rename(join(work, 'root'), root);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Unpacks the packages to `root`, without the scripts that would configure them. */
const UNPACK = `
  mkdir -p root/usr root/var/tmp
  for dir in bin sbin lib lib64; do mkdir root/usr/$dir; ln -s usr/$dir root/$dir; done
  for package in cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" >package.tar
    tar -x -f package.tar -C root --keep-directory-symlink \\
      --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale
  done
  ln -sf busybox root/usr/bin/sh
  for program in iptables ip6tables; do
    for suffix in '' -save -restore; do ln -sf $program-legacy$suffix root/usr/sbin/$program$suffix; done
  done`;
