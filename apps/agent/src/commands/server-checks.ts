import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type SecureContext, type TLSSocket } from 'node:tls';
import {
  Liveness,
  Paths,
  Problem,
  TokenHolder,
  describeForeignResponse,
  describeTlsPort,
  type ConnectionDiagnosis,
} from '@muster/contracts';
import type { AgentEnv } from '../env.js';
import { StopError } from '../exit.js';
import { readText, send } from '../http/http-request.js';
import { createMusterClient, type MusterClient } from '../muster/client.js';
import { ProxyError, connectionSettings, describeFailure } from '../muster/connection-failure.js';
import { proxyFor } from '../muster/proxy.js';
import { describeTokenRejection, isTokenRejected } from '../muster/refusals.js';
import { createMusterRoute } from '../muster/route.js';
import { stateForServer } from '../muster/state-for-server.js';
import { loadTrust } from '../muster/trust.js';
import { createStateStore, type AgentState } from '../state/state-store.js';
import { CheckError, type Check } from './doctor.js';

/** A successful liveness check. Servers before version 0.3.0 do not state their version. */
const LIVENESS = Liveness.pick({ status: true });

/** Timeout of one network check, in milliseconds. */
const CHECK_TIMEOUT_MS = 10_000;

/**
 * Maximum difference between this machine's clock and the server's, in milliseconds. A larger difference makes times in
 * the history wrong. A difference of hours can make valid certificates appear invalid.
 */
const CLOCK_SKEW_MS_MAX = 30_000;

/** Maximum size of a response, in bytes. */
const RESPONSE_BYTES_MAX = 64 * 1024;

const RETRY_ADVICE = 'when this is corrected, the agent continues without a restart: it keeps its token and retries';

const DAY_MS = 86_400_000;
const CERTIFICATE_DAYS_MIN = 14;

export function serverChecks(env: AgentEnv, wallNow: () => Date): Check[] {
  const loadState = (): Promise<AgentState> => createStateStore(env.stateDir).load();
  const serverUrl = async (): Promise<URL> => {
    const url = env.musterUrl ?? (await loadState()).enrollment?.musterUrl;
    if (url === undefined) throw new CheckError('MUSTER_URL is not set', 'set MUSTER_URL to the API’s address');
    return new URL(url);
  };
  return [
    {
      name: 'dns',
      needs: ['state'],
      async run() {
        const url = await serverUrl();
        const proxy = proxyFor(url, env.proxy);
        const host = hostOf(proxy?.url ?? url);
        const suffix = proxy === null ? '' : ` (the proxy in ${proxy.setting}; this proxy resolves ${hostOf(url)})`;
        if (isIP(host) !== 0) return { found: `${host} is an IP address${suffix}` };
        try {
          return { found: `${host} resolves to ${(await lookup(host)).address}${suffix}` };
        } catch (error) {
          const { problem, advice } = describeFailure(
            connectionSettings(url, env.proxy),
            proxy === null ? error : new ProxyError('the proxy’s name cannot be resolved', null, { cause: error }),
            null,
          );
          throw new CheckError(problem, advice);
        }
      },
      advice: 'make sure that this machine can resolve the name in MUSTER_URL',
    },
    {
      name: 'tls',
      needs: ['dns'],
      async run(signal) {
        const url = await serverUrl();
        if (url.protocol === 'http:') return checkPlaintext(url);
        const secureContext = withAdvice('correct the file, or remove the setting', () => loadTrust(env.trust));
        if (proxyFor(url, env.proxy) !== null) return { found: 'through a proxy: checked together with the server' };
        const expiresAtMs = await certificateExpiry(url, secureContext, signal).catch((error: unknown) => {
          signal.throwIfAborted();
          return describeFailure(connectionSettings(url, env.proxy), error, null);
        });
        if (typeof expiresAtMs !== 'number') {
          const { kind, problem, advice } = expiresAtMs;
          if (kind === 'certificate' || kind === 'protocol') throw new CheckError(problem, advice);
          return { found: `${problem}: see the check “server”`, isSkipped: true };
        }
        const days = Math.floor((expiresAtMs - wallNow().getTime()) / DAY_MS);
        const expiresSoon = days < CERTIFICATE_DAYS_MIN;
        return {
          found: `the certificate is trusted and expires in ${days} days`,
          ...(expiresSoon ? { warning: 'renew the server’s certificate' } : {}),
        };
      },
      advice: 'check the server’s certificate',
    },
    {
      name: 'server',
      needs: ['dns', 'tls'],
      async run(signal) {
        const url = await serverUrl();
        const health = await fetchPath(env, url, Paths.health, signal);
        if (health.status === 200 && LIVENESS.safeParse(health.json).success) {
          return { found: `Muster answers at ${url.href}` };
        }
        // A proxy may allow only the paths that the agent uses. The agent needs no other paths.
        const api = await fetchPath(env, url, Paths.agentToken, signal);
        if (Problem.safeParse(api.json).success || TokenHolder.safeParse(api.json).success) {
          return { found: `Muster answers at ${url.href}, but a proxy answers ${health.status} to ${Paths.health}` };
        }
        const { problem, advice } = describeForeignResponse(connectionSettings(url, env.proxy), api);
        throw new CheckError(`${url.href}: ${problem}`, advice);
      },
      advice: 'check that the API is running, that MUSTER_URL is its address, and that no proxy or firewall blocks it',
    },
    {
      name: 'clock',
      needs: ['server'],
      async run(signal) {
        const { date } = await fetchPath(env, await serverUrl(), Paths.health, signal);
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
      advice: 'synchronize this machine’s clock (systemd-timesyncd, chrony)',
    },
    {
      name: 'token',
      needs: ['server'],
      async run(signal) {
        const state = await loadState();
        const musterUrl = env.musterUrl ?? state.enrollment?.musterUrl ?? (await serverUrl()).href;
        const { enrollment } = withAdvice('set MUSTER_URL to the API that this machine is enrolled with', () =>
          stateForServer(musterUrl, env.enrollToken, state),
        );
        const client = createMusterClient({ musterUrl, proxy: env.proxy, trust: env.trust, wallNow });
        try {
          if (enrollment === null) return await checkEnrollToken(env.enrollToken, client, signal);
          const { agentToken, previousToken } = enrollment;
          const answer = await client.getTokenHolder(agentToken, signal);
          if (answer.kind === 'ok') return { found: `valid, for host ${answer.data.hostId}` };
          if (!isTokenRejected(answer)) throw new CheckError(answer.reason, RETRY_ADVICE);
          const previousAnswer = previousToken === null ? null : await client.getTokenHolder(previousToken, signal);
          if (previousAnswer?.kind !== 'ok') throw new Error(describeTokenRejection(answer));
          return { found: `the previous token is valid, for host ${previousAnswer.data.hostId}` };
        } finally {
          client.close();
        }
      },
      advice:
        'if MUSTER_URL is the right server, stop the agent, create an enrollment token in Muster, and run: ' +
        'muster-agent enroll --token muster_enroll_…; otherwise wait: the agent keeps its token and retries',
    },
  ];
}

/** Runs `action`, and adds the advice to an error of the settings. */
function withAdvice<T>(advice: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof StopError ? new CheckError(error.message, advice) : error;
  }
}

/**
 * Checks that the agent's API can be reached before the first enrollment. The check sends the enrollment token as if it
 * were an agent token. The API rejects it, which shows that the answer comes from Muster. The token is not used up.
 */
async function checkEnrollToken(
  enrollToken: string | null,
  client: MusterClient,
  signal: AbortSignal,
): Promise<{ found: string }> {
  if (enrollToken === null) {
    throw new CheckError(
      'this machine is not enrolled, and MUSTER_ENROLL_TOKEN is not set',
      'create an enrollment token in Muster, and run: muster-agent enroll --token muster_enroll_…',
    );
  }
  const answer = await client.getTokenHolder(enrollToken, signal);
  if (answer.kind !== 'ok' && !isTokenRejected(answer)) throw new CheckError(answer.reason, RETRY_ADVICE);
  return { found: 'not enrolled yet; the agent uses MUSTER_ENROLL_TOKEN when it first runs' };
}

function checkPlaintext({ hostname }: URL): { found: string; warning?: string } {
  const isLocal = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
  if (isLocal) return { found: 'not used: the server is on this machine' };
  return {
    found: 'not used',
    warning: 'the token is sent unencrypted: put a TLS proxy in front of the API',
  };
}

/** A response to an unauthenticated request. `json` is undefined if the body is not JSON. */
interface PlainResponse {
  path: string;
  status: number;
  location: string | null;
  body: string;
  json: unknown;
  /** The server's time, in milliseconds since the epoch; null if the response has no valid `Date` header. */
  date: number | null;
}

/** Sends an unauthenticated GET request. @throws CheckError if there is no response. */
async function fetchPath(env: AgentEnv, url: URL, path: string, signal: AbortSignal): Promise<PlainResponse> {
  const timeout = AbortSignal.timeout(CHECK_TIMEOUT_MS);
  const route = createMusterRoute(url, env.proxy, env.trust);
  try {
    const response = await send(route, {
      method: 'GET',
      path: url.pathname.replace(/\/$/, '') + path,
      signal: AbortSignal.any([signal, timeout]),
    });
    const body = await readText(response, RESPONSE_BYTES_MAX);
    const date = Date.parse(response.headers.date ?? '');
    return {
      path,
      status: response.statusCode!,
      location: response.headers.location ?? null,
      body,
      json: parseJson(body),
      date: Number.isNaN(date) ? null : date,
    };
  } catch (error) {
    signal.throwIfAborted();
    const { problem, advice } = await explainFailure(env, url, error, timeout.aborted, signal);
    throw new CheckError(`${url.href}: ${problem}`, advice);
  } finally {
    route.close();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Describes why there was no response. If plain HTTP failed, a TLS handshake shows whether the port speaks TLS. */
async function explainFailure(
  env: AgentEnv,
  url: URL,
  error: unknown,
  isTimedOut: boolean,
  signal: AbortSignal,
): Promise<ConnectionDiagnosis> {
  const settings = connectionSettings(url, env.proxy);
  const failure = describeFailure(settings, error, isTimedOut ? CHECK_TIMEOUT_MS : null);
  if (url.protocol === 'https:' || settings.proxy !== null) return failure;
  const speaksTls = await openTls(url, { rejectUnauthorized: false }, signal).then(
    (socket) => {
      socket.destroy();
      return true;
    },
    () => false,
  );
  return speaksTls ? describeTlsPort(settings) : failure;
}

/**
 * Resolves with the time at which the server's certificate expires, in milliseconds since the epoch. Rejects if the
 * certificate is not trusted.
 */
async function certificateExpiry(url: URL, secureContext: SecureContext, signal: AbortSignal): Promise<number> {
  const socket = await openTls(url, { secureContext }, signal);
  const { valid_to: validTo } = socket.getPeerCertificate();
  socket.destroy();
  return Date.parse(validTo);
}

/** Opens a TLS connection to the server. The caller must destroy the socket. */
function openTls(url: URL, options: ConnectionOptions, signal: AbortSignal): Promise<TLSSocket> {
  const host = hostOf(url);
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      host,
      port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
      timeout: CHECK_TIMEOUT_MS,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...options,
    });
    const stop = (): void => void socket.destroy(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('timeout', () =>
      socket.destroy(Object.assign(new Error('the TLS handshake timed out'), { code: 'ETIMEDOUT' })),
    );
    socket.on('error', reject);
    socket.once('close', () => signal.removeEventListener('abort', stop));
  });
}

/** Removes the brackets that a URL puts around an IPv6 address. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');
