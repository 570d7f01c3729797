import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openRelease } from './debian.js';

/** The commands of both versions of Compose; null for a version that is missing. */
export interface ComposeVersions {
  v1: string | null;
  v2: string | null;
}

/** Finds both versions. Without Docker's plugin, version 2 is downloaded from Debian 13 to `directory`. */
export async function findComposeVersions(directory: string): Promise<ComposeVersions> {
  const { stdout: installed } = spawnSync('sh', ['-c', 'docker-compose version --short'], { encoding: 'utf8' });
  const plugin = PLUGIN_DIRECTORIES.map((path) => join(path, 'docker-compose')).find((path) => existsSync(path));
  return {
    v1: installed.startsWith('1.') ? 'docker-compose' : null,
    v2: plugin ?? (await downloadFromDebian13(directory).catch(() => null)),
  };
}

const PLUGIN_DIRECTORIES = [
  '/usr/local/lib/docker/cli-plugins',
  '/usr/local/libexec/docker/cli-plugins',
  '/usr/lib/docker/cli-plugins',
  '/usr/libexec/docker/cli-plugins',
];

/** Downloads the package docker-compose of Debian 13. */
async function downloadFromDebian13(directory: string): Promise<string> {
  const apt = await openRelease(directory, ['trixie']);
  await apt('download', 'docker-compose');
  execFileSync('sh', ['-c', 'dpkg -x docker-compose_*.deb v2'], { cwd: directory });
  return join(directory, 'v2/usr/libexec/docker/cli-plugins/docker-compose');
}
