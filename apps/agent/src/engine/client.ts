import { z } from 'zod';
import { ResponseTooLongError, readText, send } from '../http/exchange.js';
import type { EngineAddress } from './address.js';
import { negotiateApiVersion } from './api-version.js';
import { createEngineRoute } from './connect.js';
import { EngineError } from './errors.js';
import { openEvents } from './event-stream.js';
import { ContainerList, InfoReply, InspectedContainer, VersionReply } from './shapes.js';
import type { EngineEvent, ListedContainer } from './shapes.js';
import { toHealth, toStartedAt, type Inspected } from './to-container.js';

/**
 * A read-only client of a Docker-compatible engine's API. Every call throws `EngineError` on failure, and the signal's
 * reason on abort.
 */
export interface EngineClient {
  /** The engine's address, for messages. */
  readonly label: string;
  /** Resolves if the engine answers a ping. */
  ping(signal: AbortSignal): Promise<void>;
  version(signal: AbortSignal): Promise<VersionReply>;
  info(signal: AbortSignal): Promise<InfoReply>;
  /** Lists all containers, running or not. Throws instead of returning an incomplete list. */
  listContainers(signal: AbortSignal): Promise<ListedContainer[]>;
  /** Inspects a container. Resolves with null if the container no longer exists. */
  inspectContainer(id: string, signal: AbortSignal): Promise<Inspected | null>;
  /** Subscribes to events. Resolves when the engine has answered. The iteration ends or throws when the stream ends. */
  openEvents(signal: AbortSignal): Promise<AsyncIterable<EngineEvent>>;
  close(): void;
}

export interface EngineClientOptions {
  address: EngineAddress;
  /** The API version to use; null to negotiate the highest version that both the engine and this agent support. */
  apiVersion: string | null;
  /** Timeouts: `pingMs` for pings and inspections, `callMs` for all other calls. */
  timeouts?: { pingMs: number; callMs: number };
}

const TIMEOUTS_DEFAULT = { pingMs: 5_000, callMs: 15_000 };

/**
 * Maximum size of one response, in bytes. It is twice the size of a list of 5,000 ordinary containers, and small enough
 * that the agent stays within the service's memory limit of 256 MiB. The limit is needed because a container's author
 * can make the list arbitrarily long.
 */
const REPLY_BYTES_MAX = 24 * 1024 * 1024;

/** Creates a client that connects on its first call. Throws `EngineError` if the certificates cannot be read. */
export function createEngineClient(options: EngineClientOptions): EngineClient {
  const { address, timeouts = TIMEOUTS_DEFAULT } = options;
  const route = createEngineRoute(address);
  /**
   * The negotiated version. It is reset after a failure, because the engine may have been upgraded. A 404 does not
   * reset the version, because a 404 only means that a container no longer exists.
   */
  let negotiatedVersion: string | null = options.apiVersion;

  async function get(
    path: string,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<{ status: number; version: string | null; text: string }> {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await send(route, { method: 'GET', path, signal: AbortSignal.any([signal, timeout]) });
      const version = response.headers['api-version'];
      return {
        status: response.statusCode!,
        version: typeof version === 'string' ? version : null,
        text: await readText(response, REPLY_BYTES_MAX),
      };
    } catch (error) {
      signal.throwIfAborted();
      throw toEngineError(error, timeout.aborted, timeoutMs, address);
    }
  }

  async function ping(signal: AbortSignal): Promise<string | null> {
    const { status, version } = await get('/_ping', signal, timeouts.pingMs);
    if (status !== 200) throw refusedError(address, '/_ping', status, '');
    return version;
  }

  /** Prefixes the path with the API version. Returns the path unchanged if the engine reports no version. */
  async function versioned(path: string, signal: AbortSignal): Promise<string> {
    if (negotiatedVersion === null) {
      const offered = await ping(signal);
      negotiatedVersion = offered === null ? '' : negotiateApiVersion(offered);
    }
    return negotiatedVersion === '' ? path : `/v${negotiatedVersion}${path}`;
  }

  async function call<S extends z.ZodType>(
    path: string,
    schema: S,
    signal: AbortSignal,
    timeoutMs = timeouts.callMs,
  ): Promise<z.output<S>> {
    try {
      const { status, text } = await get(await versioned(path, signal), signal, timeoutMs);
      if (status !== 200) throw refusedError(address, path, status, text);
      return parseReply(schema, text, path, address);
    } catch (error) {
      if (error instanceof EngineError && error.status !== 404) negotiatedVersion = options.apiVersion;
      throw error;
    }
  }

  return {
    label: address.label,
    ping: async (signal) => void (await ping(signal)),
    version: (signal) => call('/version', VersionReply, signal),
    info: (signal) => call('/info', InfoReply, signal),
    listContainers: (signal) => call('/containers/json?all=1', ContainerList, signal),
    async inspectContainer(id, signal) {
      try {
        const { State } = await call(`/containers/${id}/json`, InspectedContainer, signal, timeouts.pingMs);
        return { startedAt: toStartedAt(State.StartedAt), health: toHealth(State.Health?.Status) };
      } catch (error) {
        if (error instanceof EngineError && error.status === 404) return null;
        throw error;
      }
    },
    async openEvents(signal) {
      try {
        return await openEvents(route, await versioned('/events', signal), signal);
      } catch (error) {
        signal.throwIfAborted();
        throw error instanceof EngineError ? error : toEngineError(error, false, timeouts.callMs, address);
      }
    },
    close: () => route.close(),
  };
}

function parseReply<S extends z.ZodType>(schema: S, text: string, path: string, address: EngineAddress): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformedError(path, address, 'is not JSON, or is truncated', cause);
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw malformedError(
      path,
      address,
      `has an unexpected format (${issue!.path.join('.')}: ${issue!.message})`,
      undefined,
    );
  }
  return result.data;
}

const malformedError = (path: string, address: EngineAddress, what: string, cause: unknown): EngineError =>
  new EngineError('malformed', `the response of the engine at ${address.label} to ${path} ${what}`, null, { cause });

/**
 * Creates the error for an HTTP error response. The message includes the engine's own message, which names the refused
 * container or version.
 */
function refusedError(address: EngineAddress, path: string, status: number, text: string): EngineError {
  const reply = z.object({ message: z.string() }).safeParse(parseJson(text));
  const engineMessage = (reply.success ? reply.data.message : text).trim().slice(0, 300);
  return new EngineError(
    'refused',
    `the engine at ${address.label} answered ${path} with ${status}${engineMessage === '' ? '' : `: ${engineMessage}`}`,
    status,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Explanations and fixes for common connection errors, by error code. */
const ADVICE_BY_CODE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket; start the engine, or correct DOCKER_HOST',
  EACCES: 'permission denied; the agent’s user needs access to the socket (for Docker, the group docker)',
  ECONNREFUSED:
    'connection refused; start the engine (or remove a directory at the socket’s path: Docker creates one if the ' +
    'source of a bind mount is missing)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; put the certificate into ca.pem in DOCKER_CERT_PATH',
  SELF_SIGNED_CERT_IN_CHAIN: 'the CA of its certificate is unknown; put that CA into ca.pem in DOCKER_CERT_PATH',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the CA of its certificate is unknown; put that CA into ca.pem in DOCKER_CERT_PATH',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it requires cert.pem and key.pem in DOCKER_CERT_PATH',
};

function toEngineError(error: unknown, isTimedOut: boolean, timeoutMs: number, address: EngineAddress): EngineError {
  if (error instanceof ResponseTooLongError) {
    return new EngineError(
      'too_large',
      `the engine at ${address.label} sent more data than the agent accepts: ${error.message}`,
    );
  }
  if (isTimedOut) {
    return new EngineError('timeout', `the engine at ${address.label} did not answer within ${timeoutMs / 1_000} s`);
  }
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = (code !== undefined && ADVICE_BY_CODE[code]) || message || code || 'the connection failed';
  return new EngineError('unreachable', `cannot read the engine at ${address.label}: ${reason}`, null, {
    cause: error,
  });
}
