import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps, type AgentOptions } from 'node:https';
import { join } from 'node:path';
import type { HttpRoute } from '../http/exchange.js';
import type { EngineAddress, EngineTls } from './address.js';
import { EngineError } from './errors.js';
import { SshAgent } from './ssh.js';

/** An engine is asked many things in a row, and then nothing for a heartbeat. */
const KEPT = { keepAlive: true, timeout: 4_000 };

/** The route to the engine at `address`. Throws `EngineError` where its certificates cannot be read. */
export function routeTo(address: EngineAddress): HttpRoute {
  switch (address.kind) {
    case 'unix':
      return plain(new HttpAgent(KEPT), { socketPath: address.socketPath });
    case 'ssh':
      return plain(new SshAgent(address), {});
    case 'tcp': {
      const { host, port, tls } = address;
      if (tls === null) return plain(new HttpAgent(KEPT), { host: bare(host), port: port || 2375 });
      const agent = new HttpsAgent({ ...KEPT, ...tlsOptions(tls) });
      const options = { host: bare(host), port: port || 2376, agent };
      return { request: requestHttps, options, close: () => agent.destroy() };
    }
  }
}

const plain = (agent: HttpAgent, to: { socketPath: string } | { host: string; port: number } | object): HttpRoute => ({
  request: requestHttp,
  options: { ...to, agent },
  close: () => agent.destroy(),
});

/** Without the brackets that a URL has around an IPv6 address. */
const bare = (host: string): string => host.replace(/^\[|\]$/g, '');

/** A missing ca.pem means the system's authorities; a client's certificate and its key come together or not at all. */
function tlsOptions({ certPath, isVerified }: EngineTls): AgentOptions {
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
