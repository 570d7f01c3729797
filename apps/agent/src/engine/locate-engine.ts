import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DOCKER_HOST_DEFAULT, EngineAddress, withTls, type EngineTls } from './address.js';
import { readDockerContext } from './context.js';

/** The settings that select the engine. */
export interface EngineChoice {
  /** The address in `DOCKER_HOST`; null if unset. */
  address: EngineAddress | null;
  /** The context in `DOCKER_CONTEXT`; null if unset. */
  context: string | null;
  /** Docker's configuration directory, which contains the contexts. */
  configDir: string;
  /** The TLS options from `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`; null if TLS is off. */
  tls: EngineTls | null;
  /** The directory of a rootless engine's socket, from `XDG_RUNTIME_DIR`; null if unset. */
  runtimeDir: string | null;
}

/** An engine's address. `source` describes where the address comes from. */
export interface LocatedEngine {
  address: EngineAddress;
  source: string;
}

/**
 * Locates the engine. `DOCKER_HOST` comes first, then the docker context, and then the first existing socket of Docker
 * or Podman, rootful before rootless. Throws `EngineError` if the context cannot be used.
 */
export async function locateEngine({
  address,
  context,
  configDir,
  tls,
  runtimeDir,
}: EngineChoice): Promise<LocatedEngine> {
  if (address !== null) return { address: withTls(address, tls), source: 'from DOCKER_HOST' };
  const contextAddress = await readDockerContext(configDir, context);
  if (contextAddress !== null) return { address: contextAddress, source: 'from the docker context' };
  for (const path of standardSocketPaths(runtimeDir)) {
    if (await isSocket(path))
      return { address: EngineAddress.parse(`unix://${path}`), source: 'the first socket found' };
  }
  return {
    address: EngineAddress.parse(DOCKER_HOST_DEFAULT),
    source: 'the default address; no engine socket was found',
  };
}

const standardSocketPaths = (runtimeDir: string | null): string[] => [
  '/var/run/docker.sock',
  '/run/podman/podman.sock',
  ...(runtimeDir === null ? [] : [join(runtimeDir, 'docker.sock'), join(runtimeDir, 'podman', 'podman.sock')]),
];

const isSocket = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isSocket(),
    () => false,
  );
