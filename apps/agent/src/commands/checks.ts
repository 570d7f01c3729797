import { access, constants, mkdir, statfs } from 'node:fs/promises';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Paths } from '@muster/contracts';
import { createEngineClient, type EngineClient } from '../engine/client.js';
import { locateEngine } from '../engine/locate.js';
import type { AgentEnv } from '../env.js';
import { send } from '../http/exchange.js';
import { createMusterClient } from '../muster/client.js';
import { proxyFor } from '../muster/proxy.js';
import { routeToMuster } from '../muster/route.js';
import { createStateStore, type AgentState } from '../state/state-store.js';
import type { Check } from './doctor.js';

/** Milliseconds that one look may take. */
const LOOK_MS_MAX = 10_000;

/** A clock that is off by more makes history read wrong, and by hours, certificates invalid. */
const CLOCK_SKEW_MS_MAX = 30_000;

const DISK_BYTES_MIN = 16 * 1024 * 1024;
const DAY_MS = 86_400_000;
const CERTIFICATE_DAYS_MIN = 14;

/** Everything that an agent with these settings depends on. */
export function checksFor(env: AgentEnv, wallNow: () => Date): Check[] {
  return [stateCheck(env), ...engineChecks(env), ...serverChecks(env, wallNow)];
}

function stateCheck({ stateDir }: AgentEnv): Check {
  return {
    name: 'state',
    needs: [],
    async look() {
      await mkdir(stateDir, { recursive: true, mode: 0o700 });
      await access(stateDir, constants.R_OK | constants.W_OK | constants.X_OK);
      await createStateStore(stateDir).load();
      const { bavail, bsize } = await statfs(stateDir);
      const isTight = bavail * bsize < DISK_BYTES_MIN;
      return { found: stateDir, ...(isTight ? { warning: 'the disk is almost full: make room' } : {}) };
    },
    advice: () => `make ${stateDir} a directory of this user's (chown), or set MUSTER_STATE_DIR to another one`,
  };
}

function engineChecks(env: AgentEnv): Check[] {
  async function withEngine<T>(use: (engine: EngineClient, how: string) => Promise<T>): Promise<T> {
    const { address, how } = await locateEngine(env.engine);
    const engine = createEngineClient({ address, apiVersion: env.engineApiVersion });
    try {
      return await use(engine, how);
    } finally {
      engine.close();
    }
  }
  return [
    {
      name: 'engine',
      needs: [],
      look: (signal) =>
        withEngine(async (engine, how) => {
          await engine.ping(signal);
          const { Version, ApiVersion, Components } = await engine.version(signal);
          const isPodman = (Components ?? []).some(({ Name }) => /podman/i.test(Name));
          const name = `${isPodman ? 'Podman' : 'Docker'} ${Version}, API ${ApiVersion}`;
          return { found: `${name} at ${engine.label} (${how})` };
        }),
      advice: ({ message }) =>
        /permission denied/.test(message)
          ? 'add this user to the socket’s group (usermod -aG docker muster-agent), or use a read-only socket proxy'
          : 'start the engine, or name another one: DOCKER_HOST, --engine or --context',
    },
    {
      name: 'permissions',
      needs: ['engine'],
      look: (signal) =>
        withEngine(async (engine) => {
          await engine.info(signal);
          const containers = await engine.listContainers(signal);
          if (containers[0] !== undefined) await engine.inspectContainer(containers[0].Id, signal);
          const watching = new AbortController();
          await engine.openEvents(AbortSignal.any([signal, watching.signal]));
          watching.abort();
          return { found: `may read info, the list of ${containers.length} containers, inspections and events` };
        }),
      advice: () => 'let the socket proxy pass GET /info, /containers/json, /containers/{id}/json and /events',
    },
  ];
}

function serverChecks(env: AgentEnv, wallNow: () => Date): Check[] {
  const load = (): Promise<AgentState> => createStateStore(env.stateDir).load();
  const urlOf = async (): Promise<URL> => {
    const url = env.musterUrl ?? (await load()).enrollment?.musterUrl;
    if (url === undefined) throw new Error('MUSTER_URL is not set');
    return new URL(url);
  };
  const isProxied = (url: URL): boolean => proxyFor(url, env.proxy) !== null;
  return [
    {
      name: 'dns',
      needs: ['state'],
      async look() {
        const url = await urlOf();
        const host = url.hostname.replace(/^\[|\]$/g, '');
        if (isIP(host) !== 0) return { found: `${host} is an address` };
        if (isProxied(url)) return { found: `${host}: left to the proxy` };
        return { found: `${host} is ${(await lookup(host)).address}` };
      },
      advice: () => 'set MUSTER_URL to the API’s address, and see that this machine resolves its name',
    },
    {
      name: 'tls',
      needs: ['dns'],
      async look(signal) {
        const url = await urlOf();
        if (url.protocol === 'http:') return plaintext(url);
        if (isProxied(url)) return { found: 'through a proxy: told by the next check' };
        const days = Math.floor(((await certificateEnd(url, signal)) - wallNow().getTime()) / DAY_MS);
        const isShort = days < CERTIFICATE_DAYS_MIN;
        return {
          found: `the certificate is trusted, for ${days} days more`,
          ...(isShort ? { warning: 'renew the server’s certificate' } : {}),
        };
      },
      advice: () => 'name the authority of the server’s certificate with NODE_EXTRA_CA_CERTS=/path/ca.pem, or renew it',
    },
    {
      name: 'server',
      needs: ['dns'],
      async look(signal) {
        const url = await urlOf();
        const { statusCode } = await askHealth(env, url, signal);
        if (statusCode !== 200) throw new Error(`${url.href} answers ${statusCode} to ${Paths.health}`);
        return { found: `Muster answers at ${url.href}` };
      },
      advice: () =>
        'see that the API runs, that MUSTER_URL is its address, and that a proxy or firewall lets it through',
    },
    {
      name: 'clock',
      needs: ['server'],
      async look(signal) {
        const { date } = await askHealth(env, await urlOf(), signal);
        if (date === null) return { found: 'the server tells no time' };
        const skewMs = wallNow().getTime() - date;
        if (Math.abs(skewMs) > CLOCK_SKEW_MS_MAX) {
          throw new Error(`this clock is ${Math.round(Math.abs(skewMs) / 1_000)} s ${skewMs > 0 ? 'ahead' : 'behind'}`);
        }
        return { found: `within ${CLOCK_SKEW_MS_MAX / 1_000} s of the server's` };
      },
      advice: () => 'synchronise this machine’s clock (systemd-timesyncd, chrony)',
    },
    {
      name: 'token',
      needs: ['server'],
      async look(signal) {
        const { enrollment } = await load();
        if (enrollment === null) {
          if (env.enrollToken === null)
            throw new Error('this machine is not enrolled, and MUSTER_ENROLL_TOKEN is not set');
          return { found: 'not enrolled yet; an enrollment token is set, and tried when the agent first runs' };
        }
        const client = createMusterClient({ musterUrl: enrollment.musterUrl, proxy: env.proxy, wallNow });
        try {
          const { agentToken, previousToken } = enrollment;
          const answer = await client.holder(agentToken, signal);
          if (answer.kind === 'ok') return { found: `good, for host ${answer.data.hostId}` };
          const before = previousToken === null ? null : await client.holder(previousToken, signal);
          if (before?.kind !== 'ok') throw new Error(answer.reason);
          return { found: `the one before the present one is good, for host ${before.data.hostId}` };
        } finally {
          client.close();
        }
      },
      advice: () =>
        'if MUSTER_URL leads to the right server, stop the agent, make an enrollment token in Muster, and run: ' +
        'muster-agent enroll --token muster_enroll_…; otherwise wait: the agent keeps its token and asks again',
    },
  ];
}

function plaintext({ hostname }: URL): { found: string; warning?: string } {
  const isLocal = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
  if (isLocal) return { found: 'none, to this machine itself' };
  return {
    found: 'none',
    warning: 'the token goes over the wire readable: put a proxy that speaks TLS before the API',
  };
}

async function askHealth(env: AgentEnv, url: URL, signal: AbortSignal) {
  const route = routeToMuster(url, env.proxy);
  try {
    const { statusCode, headers } = await send(route, {
      ...{ method: 'GET', path: url.pathname.replace(/\/$/, '') + Paths.health },
      signal: AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS_MAX)]),
    });
    const date = Date.parse(headers.date ?? '');
    return { statusCode, date: Number.isNaN(date) ? null : date };
  } finally {
    route.close();
  }
}

/** When the certificate of the server at `url` ends, in milliseconds; throws where it is not trusted. */
function certificateEnd(url: URL, signal: AbortSignal): Promise<number> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls({
      ...{ host, port: Number(url.port || 443), timeout: LOOK_MS_MAX },
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    const stop = (): void => void socket.destroy(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    socket.once('secureConnect', () => {
      resolve(Date.parse(socket.getPeerCertificate().valid_to));
      socket.destroy();
    });
    socket.once('timeout', () => socket.destroy(new Error('no answer in time')));
    socket.once('error', reject);
    socket.once('close', () => signal.removeEventListener('abort', stop));
  });
}
