import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '@muster/testkit';
import type { RealEngine } from './real-engine.js';

/** The address of the registry in the network of the engine's machine. Docker needs no TLS for loopback addresses. */
export const REGISTRY = '127.0.0.1:5000';

/** A registry of images (Debian's package docker-registry) on the machine of an engine. */
export interface Registry {
  /** Returns the digest that the registry reports for a tag. */
  digestOf(repository: string, tag: string): Promise<string>;
}

/** Starts a registry, which runs until a power cut. Its files are in `dir`. */
export async function startRegistry(engine: RealEngine, dir: string): Promise<Registry> {
  const config = join(dir, 'registry.yml');
  const storage = `{ filesystem: { rootdirectory: '${dir}/registry' } }`;
  await writeFile(config, `version: 0.1\nlog: { level: error }\nstorage: ${storage}\nhttp: { addr: '${REGISTRY}' }\n`);
  const program = engine.start(['docker-registry', 'serve', config]);
  const get = (path: string) => {
    const accept = 'Accept: application/vnd.docker.distribution.manifest.v2+json';
    const wget = ['busybox', 'wget', '-S', '-O', '/dev/null', '--header', accept, `http://${REGISTRY}/v2/${path}`];
    return engine.run(['sh', '-c', '"$@" 2>&1', 'sh', ...wget]);
  };
  await eventually(async () => {
    if (!program.isRunning()) throw new Error(`the registry does not start: ${program.stderr()}`);
    await get('');
  });
  return {
    async digestOf(repository, tag) {
      const headers = await get(`${repository}/manifests/${tag}`);
      const digest = /^\s*Docker-Content-Digest: (sha256:[0-9a-f]{64})/im.exec(headers)?.[1];
      if (digest === undefined) throw new Error(`the registry reports no digest: ${headers}`);
      return digest;
    },
  };
}
