import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The commands of both versions of Compose; null for a version that is missing. */
export interface ComposeVersions {
  v1: string | null;
  v2: string | null;
}

/** Finds both versions. Without Docker's plugin, version 2 is Debian 13's, which is downloaded to `directory`. */
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

/** Downloads the package docker-compose of Debian 13 from this machine's mirror, with an index of its own. */
async function downloadFromDebian13(directory: string): Promise<string> {
  const format = ['--format', '$(REPO_URI)', 'Identifier: Packages', 'Codename: bookworm'];
  const apt = (args: string[]) => execFileSync('apt-get', args, { cwd: directory, encoding: 'utf8', stdio: 'pipe' });
  const [mirror] = apt(['indextargets', ...format]).split('\n');
  if (!mirror) throw new Error('this machine has no mirror of Debian 12');
  const sources = join(directory, 'sources.list');
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
  await writeFile(sources, `deb [signed-by=${keys}] ${mirror} trixie main\n`);
  for (const path of ['state/lists/partial', 'cache/archives/partial']) {
    await mkdir(join(directory, path), { recursive: true });
  }
  const options = {
    'Dir::State': join(directory, 'state'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(directory, 'cache'),
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
    'Acquire::Languages': 'none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled': 'false',
    'APT::Sandbox::User': 'root',
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  apt([...flags, 'update']);
  apt([...flags, 'download', 'docker-compose']);
  execFileSync('sh', ['-c', 'dpkg -x docker-compose_*.deb v2'], { cwd: directory });
  return join(directory, 'v2/usr/libexec/docker/cli-plugins/docker-compose');
}
