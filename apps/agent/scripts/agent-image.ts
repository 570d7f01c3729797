import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from './executable.js';
import type { Library } from './libraries.js';
import { writeTar, type TarEntry } from './tar.js';

/**
 * The ID of the agent's user and group in a container. The ID is numeric, so that Kubernetes can verify that the user
 * is not root.
 */
const USER = 65_532;

const STATE_DIRECTORY = 'var/lib/muster-agent';

/** The names of the architectures in image configurations. */
const OCI_ARCHITECTURES: Readonly<Record<Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Writes the agent's image in the format of `docker save`, which `docker load` and `podman load` read. Needs no engine.
 * The image contains the executable, the libraries that it loads, their licenses and an empty state directory. It has
 * no CA certificates, so the agent uses the certificates in Node.js. The same files result in the same image.
 */
export async function writeImage(
  outfile: string,
  options: { arch: Architecture; version: string; executable: string; libraries: readonly Library[]; workDir: string },
): Promise<void> {
  const { arch, version, executable, libraries, workDir } = options;
  const layer = join(workDir, 'layer.tar');
  const layerDigest = await writeTar(layer, layerEntries(executable, libraries));
  const created = '1970-01-01T00:00:00Z';
  const config = Buffer.from(
    JSON.stringify({
      architecture: OCI_ARCHITECTURES[arch],
      os: 'linux',
      created,
      config: {
        User: `${USER}:${USER}`,
        Env: ['PATH=/usr/local/bin', `MUSTER_STATE_DIR=/${STATE_DIRECTORY}`],
        Entrypoint: ['/usr/local/bin/muster-agent'],
        Cmd: ['run'],
        WorkingDir: '/',
        Volumes: { [`/${STATE_DIRECTORY}`]: {} },
        Labels: { 'org.opencontainers.image.title': 'muster-agent', 'org.opencontainers.image.version': version },
      },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layerDigest}`] },
      history: [{ created, created_by: 'apps/agent/scripts/package.ts' }],
    }),
  );
  const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
  const manifest = [{ Config: configName, RepoTags: [`muster-agent:${version}`], Layers: ['layer.tar'] }];
  const file = (path: string, content: TarEntry['content']): TarEntry => ({ path, mode: 0o644, owner: 0, content });
  await writeTar(outfile, [
    file('manifest.json', Buffer.from(JSON.stringify(manifest))),
    file(configName, config),
    file('layer.tar', { file: layer }),
  ]);
}

/** Returns the entries of the layer, sorted by path, so that each directory precedes its content. */
function layerEntries(executable: string, libraries: readonly Library[]): TarEntry[] {
  const entries = new Map<string, TarEntry>();
  const add = (path: string, mode: number, content: TarEntry['content'], owner = 0): void => {
    const parents = path.split('/').slice(0, -1);
    for (const [i] of parents.entries()) {
      const directory = `${parents.slice(0, i + 1).join('/')}/`;
      if (!entries.has(directory) && directory !== path) {
        entries.set(directory, { path: directory, mode: 0o755, owner: 0, content: null });
      }
    }
    entries.set(path, { path, mode, owner, content });
  };
  add('usr/local/bin/muster-agent', 0o755, { file: executable });
  for (const library of libraries) {
    add(library.path.slice(1), 0o755, { file: realpathSync(library.path) });
    if (library.package !== null) {
      add(`usr/share/doc/${library.package.name}/copyright`, 0o644, { file: library.package.license });
    }
  }
  // glibc before 2.34 queries DNS before /etc/hosts without this file.
  add('etc/nsswitch.conf', 0o644, Buffer.from('hosts: files dns\n'));
  add(`${STATE_DIRECTORY}/`, 0o700, null, USER);
  return [...entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
