import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The keys in the package debian-archive-keyring, which also exists in other distributions. */
const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Returns the address of this machine's Debian mirror. On other distributions, returns the default of debootstrap.
 * @throws Error if neither is known.
 */
export async function findMirror(): Promise<string> {
  const { stdout } = await run('sh', [
    '-c',
    `. /etc/os-release
    mirror=$([ "$ID" != debian ] || apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
      awk -v codename="$VERSION_CODENAME" '$1 == codename && /debian/ { print $2; exit }')
    echo "\${mirror:-$(sed -n 's/^DEF_MIRROR="\\(.*\\)"$/\\1/p' "$(command -v debootstrap)")}"`,
  ]);
  if (stdout.trim() === '') throw new Error('no Debian mirror is known: apt-get install debootstrap');
  return stdout.trim();
}

/** Runs `apt-get` with these arguments, and returns its output. */
export type Apt = (...args: string[]) => Promise<string>;

/**
 * Returns a function that runs `apt-get` for releases of Debian (`trixie`, `sid`) other than this machine's. apt-get
 * keeps its state and its downloads in `directory`, and assumes that no package is installed, so the machine does not
 * change. A package comes from the first release that contains it.
 */
export async function openRelease(directory: string, releases: readonly string[]): Promise<Apt> {
  const mirror = await findMirror();
  const sources = join(directory, 'sources.list');
  await mkdir(join(directory, 'state/lists/partial'), { recursive: true });
  await mkdir(join(directory, 'cache/archives/partial'), { recursive: true });
  // apt-get locks the directory of this file.
  const status = join(directory, 'status');
  await writeFile(status, '');
  await writeFile(
    sources,
    releases.map((release) => `deb [signed-by=${DEBIAN_KEYRING}] ${mirror} ${release} main\n`).join(''),
  );
  const options = {
    'Dir::State': join(directory, 'state'),
    'Dir::State::status': status,
    'Dir::Cache': join(directory, 'cache'),
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'APT::Default-Release': releases[0]!,
    'APT::Install-Recommends': 'false',
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled': 'false',
    // A mirror's copy of an unstable release may be older than its period of validity.
    'Acquire::Check-Valid-Until': 'false',
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const apt: Apt = async (...args) => {
    const { stdout } = await run('apt-get', [...flags, '--quiet', '--yes', ...args], { cwd: directory });
    return stdout;
  };
  await apt('update');
  return apt;
}
