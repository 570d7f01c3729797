import { DOCKER_HOST_DEFAULT } from '../engine/address.js';
import { createEngineClient, type EngineClient } from '../engine/client.js';
import { EngineError } from '../engine/errors.js';
import { locateEngine, type LocatedEngine } from '../engine/locate-engine.js';
import type { ListedContainer } from '../engine/shapes.js';
import type { AgentEnv } from '../env.js';
import { CheckError, type Check } from './doctor.js';
import { checkServiceUser } from './service-user.js';

/** Maximum number of containers that are inspected to find out whether inspections are allowed. */
const INSPECTIONS_MAX = 3;

const ENGINE_ADVICE = 'start the engine, or select another one with DOCKER_HOST, --engine or --context';

export function engineChecks(env: AgentEnv): Check[] {
  async function withEngine<T>(use: (engine: EngineClient, located: LocatedEngine) => Promise<T>): Promise<T> {
    const located = await locateEngine(env.engine);
    const { engineApiVersion: apiVersion, engineTimeoutMs: listTimeoutMs } = env;
    const engine = createEngineClient({ address: located.address, apiVersion, listTimeoutMs });
    try {
      return await use(engine, located);
    } finally {
      engine.close();
    }
  }

  /** Makes a call to the engine. If the call fails, the advice depends on the path and on the failure. */
  async function tryCall<T>(path: string, call: Promise<T>): Promise<T> {
    return call.catch((error: unknown) => {
      throw error instanceof EngineError ? new CheckError(error.message, adviceFor(error, path, env)) : error;
    });
  }

  return [
    {
      name: 'engine',
      needs: [],
      run: (signal) =>
        withEngine(async (engine, { address, source }) => {
          await tryCall('/_ping', engine.ping(signal));
          const { Version, ApiVersion, Components } = await tryCall('/version', engine.version(signal));
          const isPodman = (Components ?? []).some(({ Name }) => /podman/i.test(Name));
          const name = `${isPodman ? 'Podman' : 'Docker'} ${Version}, API ${ApiVersion}`;
          const warning = await checkServiceUser(env.stateDir, address);
          return {
            found: `${name} at ${engine.label} (${source})`,
            ...(warning === null ? {} : { warning }),
          };
        }),
      advice: ENGINE_ADVICE,
    },
    {
      name: 'permissions',
      needs: ['engine'],
      run: (signal) =>
        withEngine(async (engine) => {
          const infoRefusal = await tryCall('/info', findInfoRefusal(engine, signal));
          const containers = await tryCall('/containers/json', engine.listContainers(signal));
          const ids = containers.map(({ Id }) => Id);
          await tryCall('/containers/{id}/json', checkInspections(engine, ids, signal));
          const imageRefusal = await tryCall('/images/{id}/json', findImageRefusal(engine, containers, signal));
          const subscription = new AbortController();
          await tryCall('/events', engine.openEvents(AbortSignal.any([signal, subscription.signal])));
          subscription.abort();
          const allowed = [
            ...(infoRefusal === null ? ['info'] : []),
            `the container list (${ids.length})`,
            ...(ids.length === 0 ? [] : ['inspections']),
          ];
          const found = `can read ${allowed.join(', ')} and events`;
          const warnings = [infoRefusal, imageRefusal].filter((each) => each !== null);
          return warnings.length === 0 ? { found } : { found, warning: warnings.join('; ') };
        }),
      advice: `${ENGINE_ADVICE}; a socket proxy must allow all requests that docs/agent.md lists`,
    },
  ];
}

/** Returns what to do if the engine refuses /info, or null if it does not refuse. The agent works without /info. */
async function findInfoRefusal(engine: EngineClient, signal: AbortSignal): Promise<string | null> {
  try {
    await engine.info(signal);
    return null;
  } catch (error) {
    if (!(error instanceof EngineError) || error.failure !== 'refused') throw error;
    return (
      `allow GET /info in the socket proxy (it answers ${error.status}); without it, the agent cannot report the kernel, ` +
      'the memory and so on, names the host after this machine or MUSTER_HOST_NAME, and identifies the engine by the ' +
      'machine’s id'
    );
  }
}

/** Returns advice if the engine refuses image inspections (which are optional), otherwise null. */
async function findImageRefusal(
  engine: EngineClient,
  containers: readonly ListedContainer[],
  signal: AbortSignal,
): Promise<string | null> {
  const imageId = containers.find(({ ImageID }) => /^sha256:./.test(ImageID))?.ImageID;
  if (imageId === undefined) return null;
  try {
    await engine.inspectImage(imageId, signal);
    return null;
  } catch (error) {
    if (!(error instanceof EngineError) || error.failure !== 'refused') throw error;
    return (
      `allow GET /images/{id}/json in the socket proxy (it answers ${error.status}); without it, the digests of images ` +
      'are unknown, so Muster cannot show which hosts run a different build of a tag'
    );
  }
}

/**
 * Inspects up to three containers until one inspection succeeds. A 404 usually means that a container was just removed.
 * If the list still contains all of the containers, something else caused the 404, such as a proxy that refuses
 * inspections.
 * @throws CheckError if inspections are refused.
 */
async function checkInspections(engine: EngineClient, ids: readonly string[], signal: AbortSignal): Promise<void> {
  const missing: string[] = [];
  for (const id of ids.slice(0, INSPECTIONS_MAX)) {
    if ((await engine.inspectContainer(id, signal)) !== null) return;
    missing.push(id);
  }
  if (missing.length === 0) return;
  const listed = new Set((await engine.listContainers(signal)).map(({ Id }) => Id));
  const contradicted = missing.find((id) => listed.has(id));
  if (contradicted === undefined) return;
  throw new CheckError(
    `the container list is allowed, but inspections are not: /containers/${contradicted.slice(0, 12)}/json answers 404 ` +
      'for a container in the list',
    'allow GET /containers/{id}/json in the socket proxy; without it, start times and health are unknown',
  );
}

/** Returns what to do about a failed call, depending on the failure and on the settings. */
function adviceFor({ failure, status, message }: EngineError, path: string, env: AgentEnv): string {
  switch (failure) {
    case 'unreachable':
      return /permission denied/.test(message)
        ? 'add this user to the socket’s group (usermod -aG docker muster-agent), or use a read-only socket proxy'
        : ENGINE_ADVICE;
    case 'timeout':
      return path === '/containers/json'
        ? 'the engine is slow: check its load and its disk, or give its lists more time with MUSTER_ENGINE_TIMEOUT'
        : `the engine hangs, or something else answers at this address: restart the engine, or correct ${nameOf(env)}`;
    case 'malformed':
      return `the server at this address is not an engine, or a proxy changes its responses: correct ${nameOf(env)}`;
    case 'too_large':
      return 'remove containers that are no longer needed (docker container prune)';
    case 'refused':
      return adviceForRefusal(status!, message, path, env);
  }
}

function adviceForRefusal(status: number, message: string, path: string, env: AgentEnv): string {
  // An engine's TLS port answers plain HTTP with this status and text. No engine answers a ping with 400.
  if (status === 400 && (path === '/_ping' || /HTTP request to an HTTPS server/i.test(message))) {
    return 'this port speaks TLS: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the directory with ca.pem';
  }
  if (env.engineApiVersion !== null && (status === 400 || status === 404)) {
    const origin = env.origins['DOCKER_API_VERSION'];
    const place = origin === undefined ? '' : ` (${origin})`;
    return `remove DOCKER_API_VERSION=${env.engineApiVersion}${place}: without it, the agent negotiates the version`;
  }
  if (status >= 500) return 'see the log of the engine (journalctl -u docker), or of the proxy in front of it';
  return `allow GET ${path} in the socket proxy, or correct ${nameOf(env)} if this is not the engine’s address`;
}

/** The setting with the engine's address, and where its value comes from. */
function nameOf({ engine, origins }: AgentEnv): string {
  if (engine.address === null) return `DOCKER_HOST (not set; the default is ${DOCKER_HOST_DEFAULT})`;
  return origins['DOCKER_HOST'] === undefined ? 'DOCKER_HOST' : `DOCKER_HOST (${origins['DOCKER_HOST']})`;
}
