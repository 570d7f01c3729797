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
import { createMusterRoute } from '../muster/route.js';
import { createStateStore, type AgentState } from '../state/state-store.js';
import type { Check } from './doctor.js';

/** Timeout of one network check, in milliseconds. */
const CHECK_TIMEOUT_MS = 10_000;

/**
 * Maximum difference between this machine's clock and the server's, in milliseconds. A larger difference makes times in
 * the history wrong, and a difference of hours can make valid certificates appear invalid.
 */
const CLOCK_SKEW_MS_MAX = 30_000;

const DISK_BYTES_MIN = 16 * 1024 * 1024;
const DAY_MS = 86_400_000;
const CERTIFICATE_DAYS_MIN = 14;

/** Returns checks for everything that an agent with these settings depends on. */
export function createChecks(env: AgentEnv, wallNow: () => Date): Check[] {
  return [stateCheck(env), ...engineChecks(env), ...serverChecks(env, wallNow)];
}

function stateCheck({ stateDir }: AgentEnv): Check {
  return {
    name: 'state',
    needs: [],
    async run() {
      await mkdir(stateDir, { recursive: true, mode: 0o700 });
      await access(stateDir, constants.R_OK | constants.W_OK | constants.X_OK);
      await createStateStore(stateDir).load();
      const { bavail, bsize } = await statfs(stateDir);
      const isDiskAlmostFull = bavail * bsize < DISK_BYTES_MIN;
      return { found: stateDir, ...(isDiskAlmostFull ? { warning: 'the disk is almost full: free some space' } : {}) };
    },
    advice: () => `make this user the owner of ${stateDir} (chown), or set MUSTER_STATE_DIR to another directory`,
  };
}

function engineChecks(env: AgentEnv): Check[] {
  async function withEngine<T>(use: (engine: EngineClient, source: string) => Promise<T>): Promise<T> {
    const { address, source } = await locateEngine(env.engine);
    const engine = createEngineClient({ address, apiVersion: env.engineApiVersion });
    try {
      return await use(engine, source);
    } finally {
      engine.close();
    }
  }
  return [
    {
      name: 'engine',
      needs: [],
      run: (signal) =>
        withEngine(async (engine, source) => {
          await engine.ping(signal);
          const { Version, ApiVersion, Components } = await engine.version(signal);
          const isPodman = (Components ?? []).some(({ Name }) => /podman/i.test(Name));
          const name = `${isPodman ? 'Podman' : 'Docker'} ${Version}, API ${ApiVersion}`;
          return { found: `${name} at ${engine.label} (${source})` };
        }),
      advice: ({ message }) =>
        /permission denied/.test(message)
          ? 'add this user to the socket’s group (usermod -aG docker muster-agent), or use a read-only socket proxy'
          : 'start the engine, or select another one with DOCKER_HOST, --engine or --context; ' +
            'a socket proxy must allow GET /_ping and /version',
    },
    {
      name: 'permissions',
      needs: ['engine'],
      run: (signal) =>
        withEngine(async (engine) => {
          await engine.info(signal);
          const containers = await engine.listContainers(signal);
          if (containers[0] !== undefined) await engine.inspectContainer(containers[0].Id, signal);
          const subscription = new AbortController();
          await engine.openEvents(AbortSignal.any([signal, subscription.signal]));
          subscription.abort();
          return { found: `can read info, the container list (${containers.length}), inspections and events` };
        }),
      advice: () => 'allow GET /info, /containers/json, /containers/{id}/json and /events in the socket proxy',
    },
  ];
}

function serverChecks(env: AgentEnv, wallNow: () => Date): Check[] {
  const loadState = (): Promise<AgentState> => createStateStore(env.stateDir).load();
  const serverUrl = async (): Promise<URL> => {
    const url = env.musterUrl ?? (await loadState()).enrollment?.musterUrl;
    if (url === undefined) throw new Error('MUSTER_URL is not set');
    return new URL(url);
  };
  const isProxied = (url: URL): boolean => proxyFor(url, env.proxy) !== null;
  return [
    {
      name: 'dns',
      needs: ['state'],
      async run() {
        const url = await serverUrl();
        const host = url.hostname.replace(/^\[|\]$/g, '');
        if (isIP(host) !== 0) return { found: `${host} is an IP address` };
        if (isProxied(url)) return { found: `${host} is resolved by the proxy` };
        return { found: `${host} resolves to ${(await lookup(host)).address}` };
      },
      advice: () => 'set MUSTER_URL to the API’s address, and make sure that this machine can resolve its name',
    },
    {
      name: 'tls',
      needs: ['dns'],
      async run(signal) {
        const url = await serverUrl();
        if (url.protocol === 'http:') return checkPlaintext(url);
        if (isProxied(url)) return { found: 'through a proxy: checked together with the server' };
        const days = Math.floor(((await certificateExpiry(url, signal)) - wallNow().getTime()) / DAY_MS);
        const expiresSoon = days < CERTIFICATE_DAYS_MIN;
        return {
          found: `the certificate is trusted and expires in ${days} days`,
          ...(expiresSoon ? { warning: 'renew the server’s certificate' } : {}),
        };
      },
      advice: () =>
        'set NODE_EXTRA_CA_CERTS=/path/ca.pem to the CA of the server’s certificate, or renew the certificate',
    },
    {
      name: 'server',
      needs: ['dns'],
      async run(signal) {
        const url = await serverUrl();
        const { statusCode } = await fetchHealth(env, url, signal);
        if (statusCode !== 200) throw new Error(`${url.href} answers ${statusCode} to ${Paths.health}`);
        return { found: `${url.href} answers 200 to ${Paths.health}` };
      },
      advice: () =>
        'check that the API is running, that MUSTER_URL is its address, and that no proxy or firewall blocks it',
    },
    {
      name: 'clock',
      needs: ['server'],
      async run(signal) {
        const { date } = await fetchHealth(env, await serverUrl(), signal);
        if (date === null) return { found: 'the server sends no Date header' };
        const skewMs = wallNow().getTime() - date;
        if (Math.abs(skewMs) > CLOCK_SKEW_MS_MAX) {
          const seconds = Math.round(Math.abs(skewMs) / 1_000);
          throw new Error(
            `this machine’s clock is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} the server’s clock`,
          );
        }
        return { found: `within ${CLOCK_SKEW_MS_MAX / 1_000} s of the server’s clock` };
      },
      advice: () => 'synchronize this machine’s clock (systemd-timesyncd, chrony)',
    },
    {
      name: 'token',
      needs: ['server'],
      async run(signal) {
        const { enrollment } = await loadState();
        if (enrollment === null) {
          if (env.enrollToken === null)
            throw new Error('this machine is not enrolled, and MUSTER_ENROLL_TOKEN is not set');
          return { found: 'not enrolled yet; the agent uses MUSTER_ENROLL_TOKEN when it first runs' };
        }
        const client = createMusterClient({ musterUrl: enrollment.musterUrl, proxy: env.proxy, wallNow });
        try {
          const { agentToken, previousToken } = enrollment;
          const answer = await client.getTokenHolder(agentToken, signal);
          if (answer.kind === 'ok') return { found: `valid, for host ${answer.data.hostId}` };
          const previousAnswer = previousToken === null ? null : await client.getTokenHolder(previousToken, signal);
          if (previousAnswer?.kind !== 'ok') throw new Error(answer.reason);
          return { found: `the previous token is valid, for host ${previousAnswer.data.hostId}` };
        } finally {
          client.close();
        }
      },
      advice: () =>
        'if MUSTER_URL is the right server, stop the agent, create an enrollment token in Muster, and run: ' +
        'muster-agent enroll --token muster_enroll_…; otherwise wait: the agent keeps its token and retries',
    },
  ];
}

function checkPlaintext({ hostname }: URL): { found: string; warning?: string } {
  const isLocal = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
  if (isLocal) return { found: 'not used: the server is on this machine' };
  return {
    found: 'not used',
    warning: 'the token is sent unencrypted: put a TLS proxy in front of the API',
  };
}

async function fetchHealth(env: AgentEnv, url: URL, signal: AbortSignal) {
  const route = createMusterRoute(url, env.proxy);
  try {
    const { statusCode, headers } = await send(route, {
      method: 'GET',
      path: url.pathname.replace(/\/$/, '') + Paths.health,
      signal: AbortSignal.any([signal, AbortSignal.timeout(CHECK_TIMEOUT_MS)]),
    });
    const date = Date.parse(headers.date ?? '');
    return { statusCode, date: Number.isNaN(date) ? null : date };
  } finally {
    route.close();
  }
}

/**
 * Resolves with the time at which the server's certificate expires, in milliseconds since the epoch. Rejects if the
 * certificate is not trusted.
 */
function certificateExpiry(url: URL, signal: AbortSignal): Promise<number> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls({
      host,
      port: Number(url.port || 443),
      timeout: CHECK_TIMEOUT_MS,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    const stop = (): void => void socket.destroy(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    socket.once('secureConnect', () => {
      resolve(Date.parse(socket.getPeerCertificate().valid_to));
      socket.destroy();
    });
    socket.once('timeout', () => socket.destroy(new Error(`no answer within ${CHECK_TIMEOUT_MS / 1_000} s`)));
    socket.once('error', reject);
    socket.once('close', () => signal.removeEventListener('abort', stop));
  });
}
