import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { buildConnector } from 'undici';
import type { EngineAddress, EngineTls } from './address.js';
import { EngineError } from './errors.js';
import { dialBySsh } from './ssh.js';

/** How undici gets to an engine. */
export interface EngineRoute {
  origin: string;
  connect: buildConnector.BuildOptions | buildConnector.connector;
}

/** The route to the engine at `address`. Throws `EngineError` where its certificates cannot be read. */
export function routeTo(address: EngineAddress): EngineRoute {
  switch (address.kind) {
    case 'unix':
      return { origin: 'http://engine', connect: { socketPath: address.socketPath } };
    case 'ssh':
      return { origin: 'http://engine', connect: dialBySsh(address) };
    case 'tcp': {
      const { host, port, tls } = address;
      if (tls === null) return { origin: `http://${host}:${port || 2375}`, connect: {} };
      return { origin: `https://${host}:${port || 2376}`, connect: tlsOptions(tls) };
    }
  }
}

/** A missing ca.pem means the system's authorities; a client's certificate and its key come together or not at all. */
function tlsOptions({ certPath, isVerified }: EngineTls): buildConnector.BuildOptions {
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readIfThere(certPath, name));
  if ((cert === null) !== (key === null)) {
    throw new EngineError('unreachable', `${certPath} holds only one of cert.pem and key.pem (DOCKER_CERT_PATH)`);
  }
  return {
    ...(ca ? { ca } : {}),
    ...(cert && key ? { cert, key } : {}),
    rejectUnauthorized: isVerified,
  };
}

function readIfThere(folder: string, name: string): string | null {
  if (folder === '') return null;
  try {
    return readFileSync(join(folder, name), 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new EngineError('unreachable', `cannot read the engine's certificates: ${message}`);
  }
}
