import { stat } from 'node:fs/promises';
import { z } from 'zod';
import { ResponseTooLongError, readText, send } from '../http/http-request.js';
import type { EngineAddress } from './address.js';
import { negotiateApiVersion } from './api-version.js';
import { createEngineRoute } from './engine-route.js';
import { EngineError } from './errors.js';
import { openEvents, readPastEvents } from './event-stream.js';
import { LIST_TIMEOUT_MS_DEFAULT, createListTimeout } from './list-timeout.js';
import { ContainerList, InfoReply, InspectedContainer, InspectedImage, VersionReply } from './shapes.js';
import type { EngineEvent, ListedContainer } from './shapes.js';
import { toInspected, type Inspected } from './to-container.js';

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
  /** Returns an image's repository digests (`nginx@sha256:…`). Resolves with null if the image no longer exists. */
  inspectImage(id: string, signal: AbortSignal): Promise<string[] | null>;
  /** Subscribes to events. Resolves when the engine has answered. The iteration ends or throws when the stream ends. */
  openEvents(signal: AbortSignal): Promise<AsyncIterable<EngineEvent>>;
  /**
   * Reads the events of a past period that show why containers exited. Engines keep only some events. The times are in
   * milliseconds since 1970.
   */
  readPastEvents(period: { fromMs: number; toMs: number }, signal: AbortSignal): Promise<EngineEvent[]>;
  close(): void;
}

export interface EngineClientOptions {
  address: EngineAddress;
  /** The API version to use; null to negotiate the highest version that both the engine and this agent support. */
  apiVersion: string | null;
  /** Timeouts: `pingMs` for pings and inspections, `callMs` for all other calls except lists. */
  timeouts?: { pingMs: number; callMs: number };
  /** Timeout of the first list. The timeouts of later lists adapt to the engine. */
  listTimeoutMs?: number;
}

const TIMEOUTS_DEFAULT = { pingMs: 5_000, callMs: 15_000 };

/**
 * Maximum size of one response, in bytes. It is twice the size of a list of 5,000 ordinary containers. With this limit,
 * the agent stays within the service's memory limit of 256 MiB, although a container's author can make the list
 * arbitrarily long.
 */
const REPLY_BYTES_MAX = 24 * 1024 * 1024;

/** Creates a client that connects on its first call. Throws `EngineError` if the certificates cannot be read. */
export function createEngineClient(options: EngineClientOptions): EngineClient {
  const { address, timeouts = TIMEOUTS_DEFAULT, listTimeoutMs = LIST_TIMEOUT_MS_DEFAULT } = options;
  const route = createEngineRoute(address);
  const listTimeout = createListTimeout(listTimeoutMs);
  /**
   * The negotiated version; null if it must be negotiated again, because the engine may have been upgraded. This is the
   * case after a failure, and when the engine offers another version than before. A 404 is not such a failure, because
   * it only means that a container no longer exists.
   */
  let negotiatedVersion: string | null = options.apiVersion;
  /** The engine's highest version, according to its last response with a version; null before the first one. */
  let offeredVersion: string | null = null;

  const forgetVersion = (): void => void (negotiatedVersion = options.apiVersion);

  async function get(
    path: string,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<{ status: number; version: string | null; text: string }> {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await send(route, { method: 'GET', path, signal: AbortSignal.any([signal, timeout]) });
      const header = response.headers['api-version'];
      const version = typeof header === 'string' ? header : null;
      if (version !== null && version !== offeredVersion) {
        offeredVersion = version;
        forgetVersion();
      }
      return { status: response.statusCode!, version, text: await readText(response, REPLY_BYTES_MAX) };
    } catch (error) {
      signal.throwIfAborted();
      throw await toEngineError(error, timeout.aborted ? timeoutMs : null, address);
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

  const isVersionNegotiated = (): boolean => options.apiVersion === null && negotiatedVersion !== null;

  /**
   * Calls the engine. The engine may have been upgraded since the version was negotiated, and then refuses this version
   * with 400. In that case, the call is repeated with a newly negotiated version.
   */
  async function callVersioned(path: string, signal: AbortSignal, timeoutMs: number, mayVersionBeOutdated: boolean) {
    const answer = await get(await versioned(path, signal), signal, timeoutMs);
    if (answer.status !== 400 || !mayVersionBeOutdated) return answer;
    forgetVersion();
    return get(await versioned(path, signal), signal, timeoutMs);
  }

  async function call<S extends z.ZodType>(
    path: string,
    schema: S,
    signal: AbortSignal,
    timeoutMs = timeouts.callMs,
    mayVersionBeOutdated = isVersionNegotiated(),
  ): Promise<z.output<S>> {
    try {
      const { status, text } = await callVersioned(path, signal, timeoutMs, mayVersionBeOutdated);
      if (status !== 200) throw refusedError(address, path, status, text);
      return parseReply(schema, text, path, address);
    } catch (error) {
      if (error instanceof EngineError && error.status !== 404) forgetVersion();
      throw error;
    }
  }

  async function listContainers(signal: AbortSignal): Promise<ListedContainer[]> {
    const timeoutMs = listTimeout.ms();
    const mayVersionBeOutdated = isVersionNegotiated();
    // The version is negotiated before the list is timed. A ping that times out then does not count as a slow list.
    await versioned('', signal);
    const startedAt = performance.now();
    try {
      const listed = await call('/containers/json?all=1', ContainerList, signal, timeoutMs, mayVersionBeOutdated);
      listTimeout.recordSuccess(performance.now() - startedAt);
      return listed;
    } catch (error) {
      if (!(error instanceof EngineError) || error.failure !== 'timeout') throw error;
      listTimeout.recordTimeout();
      const advice = `the next list may take ${listTimeout.ms() / 1_000} s; MUSTER_ENGINE_TIMEOUT sets the first limit`;
      throw new EngineError('timeout', `${error.message} (${advice})`);
    }
  }

  /** Inspects a container or an image. Resolves with null if it no longer exists. */
  async function inspect<S extends z.ZodType>(path: string, schema: S, signal: AbortSignal) {
    try {
      return await call(path, schema, signal, timeouts.pingMs);
    } catch (error) {
      if (error instanceof EngineError && error.status === 404) return null;
      throw error;
    }
  }

  return {
    label: address.label,
    ping: async (signal) => void (await ping(signal)),
    version: (signal) => call('/version', VersionReply, signal),
    info: (signal) => call('/info', InfoReply, signal),
    listContainers,
    async inspectContainer(id, signal) {
      const reply = await inspect(`/containers/${id}/json`, InspectedContainer, signal);
      return reply && toInspected(reply);
    },
    async inspectImage(id, signal) {
      const reply = await inspect(`/images/${encodeURIComponent(id).replace('%3A', ':')}/json`, InspectedImage, signal);
      return reply && reply.RepoDigests;
    },
    async openEvents(signal) {
      try {
        return await openEvents(route, await versioned('/events', signal), signal);
      } catch (error) {
        signal.throwIfAborted();
        forgetVersion();
        if (error instanceof EngineError) throw error;
        // The signal was not aborted, so the stream timed out while it waited for the headers.
        const isTimedOut = (error as Error).name === 'AbortError';
        throw await toEngineError(error, isTimedOut ? timeouts.callMs : null, address);
      }
    },
    async readPastEvents(period, signal) {
      try {
        return await readPastEvents(route, await versioned('/events', signal), period, signal);
      } catch (error) {
        signal.throwIfAborted();
        throw error instanceof EngineError ? error : await toEngineError(error, null, address);
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
  ECONNREFUSED: 'connection refused; start the engine',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; put the certificate into ca.pem in DOCKER_CERT_PATH',
  SELF_SIGNED_CERT_IN_CHAIN: 'the CA of its certificate is unknown; put that CA into ca.pem in DOCKER_CERT_PATH',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the CA of its certificate is unknown; put that CA into ca.pem in DOCKER_CERT_PATH',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it requires cert.pem and key.pem in DOCKER_CERT_PATH',
};

/** Explains a failed request. `timedOutMs` is the timeout that the request exceeded, or null. */
async function toEngineError(error: unknown, timedOutMs: number | null, address: EngineAddress): Promise<EngineError> {
  if (error instanceof ResponseTooLongError) {
    return new EngineError(
      'too_large',
      `the engine at ${address.label} sent more data than the agent accepts: ${error.message}`,
    );
  }
  if (timedOutMs !== null) {
    return new EngineError('timeout', `the engine at ${address.label} did not answer within ${timedOutMs / 1_000} s`);
  }
  const { code, message } = error as NodeJS.ErrnoException;
  const reason =
    (code === 'ECONNREFUSED' && (await explainDirectory(address))) ||
    (code !== undefined && ADVICE_BY_CODE[code]) ||
    message ||
    code ||
    'the connection failed';
  return new EngineError('unreachable', `cannot read the engine at ${address.label}: ${reason}`, null, {
    cause: error,
  });
}

/**
 * Returns a sentence if there is a directory at the socket's path, and null otherwise. A directory refuses connections
 * like a socket without a server.
 */
async function explainDirectory(address: EngineAddress): Promise<string | null> {
  if (address.kind !== 'unix') return null;
  const found = await stat(address.socketPath).catch(() => null);
  if (found?.isDirectory() !== true) return null;
  return (
    `${address.socketPath} is a directory; Docker creates one if the source of a bind mount is missing. ` +
    'Remove it, start the engine, and then start the container that mounts it'
  );
}
