import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps, type AgentOptions } from 'node:https';
import { join } from 'node:path';
import type { HttpRoute } from '../http/http-request.js';
import type { EngineAddress, EngineTls } from './address.js';
import { EngineError } from './errors.js';
import { SshAgent } from './ssh.js';

/**
 * Keep-alive options. The timeout is short, because the agent makes many calls in quick succession and then none until
 * the next heartbeat.
 */
const KEEP_ALIVE = { keepAlive: true, timeout: 4_000 };

/** Creates the route to the engine at `address`. Throws `EngineError` if the TLS certificates cannot be read. */
export function createEngineRoute(address: EngineAddress): HttpRoute {
  switch (address.kind) {
    case 'unix':
      return createRoute(new HttpAgent(KEEP_ALIVE), { socketPath: address.socketPath });
    case 'ssh':
      return createRoute(new SshAgent(address), {});
    case 'tcp': {
      const { host, port, tls } = address;
      if (tls === null)
        return createRoute(new HttpAgent(KEEP_ALIVE), { host: withoutBrackets(host), port: port || 2375 });
      const httpAgent = new HttpsAgent({ ...KEEP_ALIVE, ...tlsOptions(tls) });
      const options = { host: withoutBrackets(host), port: port || 2376, agent: httpAgent };
      return { request: requestHttps, options, close: () => httpAgent.destroy() };
    }
  }
}

const createRoute = (
  httpAgent: HttpAgent,
  destination: { socketPath: string } | { host: string; port: number } | object,
): HttpRoute => ({
  request: requestHttp,
  options: { ...destination, agent: httpAgent },
  close: () => httpAgent.destroy(),
});

/** Removes the brackets that a URL puts around an IPv6 address. */
const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/g, '');

/**
 * Reads the TLS options. Without ca.pem, the system's CAs apply. cert.pem and key.pem must both exist or both be
 * missing.
 */
function tlsOptions({ certPath, isVerified }: EngineTls): AgentOptions {
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readOptionalFile(certPath, name));
  if ((cert === null) !== (key === null)) {
    throw new EngineError('unreachable', `${certPath} contains only one of cert.pem and key.pem (DOCKER_CERT_PATH)`);
  }
  return {
    ...(ca ? { ca } : {}),
    ...(cert && key ? { cert, key } : {}),
    rejectUnauthorized: isVerified,
  };
}

function readOptionalFile(folder: string, name: string): string | null {
  if (folder === '') return null;
  try {
    return readFileSync(join(folder, name), 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new EngineError('unreachable', `cannot read the engine's certificates: ${message}`);
  }
}
