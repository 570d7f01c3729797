import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DOCKER_HOST_DEFAULT, EngineAddress, withTls, type EngineTls } from './address.js';
import { readDockerContext } from './context.js';

/** What the settings say of the engine. */
export interface EngineChoice {
  /** Of `DOCKER_HOST`. */
  address: EngineAddress | null;
  /** Of `DOCKER_CONTEXT`. */
  context: string | null;
  /** Where docker keeps its contexts. */
  configDir: string;
  /** What `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` ask for. */
  tls: EngineTls | null;
  /** `XDG_RUNTIME_DIR`: where a rootless engine has its socket. */
  runtimeDir: string | null;
}

/** An engine's address, and what led to it, for people. */
export interface LocatedEngine {
  address: EngineAddress;
  how: string;
}

/**
 * Where the engine is: by `DOCKER_HOST`, else by the docker context, else the first socket that is there of Docker and
 * Podman, rootful before rootless. Throws `EngineError` for a context that cannot be used.
 */
export async function locateEngine({
  address,
  context,
  configDir,
  tls,
  runtimeDir,
}: EngineChoice): Promise<LocatedEngine> {
  if (address !== null) return { address: withTls(address, tls), how: 'as DOCKER_HOST says' };
  const ofContext = await readDockerContext(configDir, context);
  if (ofContext !== null) return { address: ofContext, how: 'as the docker context says' };
  for (const path of usualSockets(runtimeDir)) {
    if (await isSocket(path)) return { address: EngineAddress.parse(`unix://${path}`), how: 'found' };
  }
  return { address: EngineAddress.parse(DOCKER_HOST_DEFAULT), how: 'the default; no socket of an engine is there' };
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
