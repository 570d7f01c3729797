import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DOCKER_HOST_DEFAULT, EngineAddress, withTls, type EngineTls } from './address.js';
import { readDockerContext } from './context.js';

/** The settings that select the engine. */
export interface EngineChoice {
  /** From `DOCKER_HOST`. */
  address: EngineAddress | null;
  /** From `DOCKER_CONTEXT`. */
  context: string | null;
  /** The directory of docker's contexts. */
  configDir: string;
  /** From `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`. */
  tls: EngineTls | null;
  /** From `XDG_RUNTIME_DIR`: the directory of a rootless engine's socket. */
  runtimeDir: string | null;
}

/** An engine's address, and a description of its source. */
export interface LocatedEngine {
  address: EngineAddress;
  how: string;
}

/**
 * Finds the engine: from `DOCKER_HOST`, else from the docker context, else the first existing socket of Docker or
 * Podman, rootful before rootless. Throws `EngineError` if the context cannot be used.
 */
export async function locateEngine({
  address,
  context,
  configDir,
  tls,
  runtimeDir,
}: EngineChoice): Promise<LocatedEngine> {
  if (address !== null) return { address: withTls(address, tls), how: 'from DOCKER_HOST' };
  const ofContext = await readDockerContext(configDir, context);
  if (ofContext !== null) return { address: ofContext, how: 'from the docker context' };
  for (const path of usualSockets(runtimeDir)) {
    if (await isSocket(path)) return { address: EngineAddress.parse(`unix://${path}`), how: 'found' };
  }
  return { address: EngineAddress.parse(DOCKER_HOST_DEFAULT), how: 'the default address; no engine socket was found' };
}

const usualSockets = (runtimeDir: string | null): string[] => [
  '/var/run/docker.sock',
  '/run/podman/podman.sock',
  ...(runtimeDir === null ? [] : [join(runtimeDir, 'docker.sock'), join(runtimeDir, 'podman', 'podman.sock')]),
];

const isSocket = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isSocket(),
    () => false,
  );
