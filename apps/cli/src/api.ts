import {
  describeConnectionError,
  describeForeignResponse,
  toTerminalText,
  type ConnectionDiagnosis,
} from '@muster/contracts';
import { createClient, NetworkError, ProblemError, UnexpectedResponseError, type Client } from '@muster/client';
import { loadConnection, type ApiConnection } from './connection.js';
import { CommandError, ExitCodes, type ExitCode } from './exit.js';
import type { Terminal } from './terminal.js';

/** Maximum milliseconds until a response begins. The API limits the time of its queries to a few seconds. */
const RESPONSE_MS_MAX = 30_000;

/** A connected API: a client, and the conversion of the client's errors. */
export interface Api {
  client: Client;
  /** Converts an error of the client to a CommandError. Returns any other error unchanged. */
  toCommandError: (error: unknown) => unknown;
}

/**
 * The option that sets each field of the API, for messages. A field that is not listed has the same name as its option.
 * A command can add names for fields that no option sets.
 */
const OPTIONS: Readonly<Record<string, string>> = {
  hostId: '--host',
  hostFreshness: '--freshness',
  q: '--search',
  maxUses: '--uses',
  expiresInSeconds: '--expires',
};

/** Connects to the API at the URL of the connection. `fields` contains the names of the fields that no option sets. */
export const connect = (connection: ApiConnection, fields: Readonly<Record<string, string>> = {}): Api => ({
  client: createClient({ ...connection, fetch: fetchWithTimeout }),
  toCommandError: (error) => toCommandError(error, connection, { ...OPTIONS, ...fields }),
});

/**
 * Runs an action with the API that `login` or the environment configures. Converts errors of the API to a CommandError.
 * Resolves normally if the user interrupts the action.
 */
export async function withApi(
  terminal: Terminal,
  action: (client: Client, api: Api) => Promise<void>,
  fields?: Readonly<Record<string, string>>,
): Promise<void> {
  const api = connect(await loadConnection(terminal), fields);
  try {
    await action(api.client, api);
  } catch (error) {
    if (terminal.interrupted.aborted) return;
    throw api.toCommandError(error);
  }
}

function toCommandError(
  error: unknown,
  connection: ApiConnection,
  options: Readonly<Record<string, string | undefined>>,
): unknown {
  if (error instanceof ProblemError) {
    const { detail, errors = [] } = error.problem;
    const isInvalidValue = error.status === 400 && errors.length > 0;
    const reasons = errors.map(({ path, message }) => {
      const [, field = ''] = path.split('/');
      return field === '' ? message : `${options[field] ?? `--${field}`} ${message}`;
    });
    const hasPath = new URL(connection.url).pathname !== '/';
    // A request with a wrong base path can still reach Muster, which then answers with 404.
    const hint = error.status === 404 && hasPath ? ` Also check the path of ${connection.urlSetting}.` : '';
    const message = isInvalidValue ? reasons.join('; ') : [detail, ...reasons].join('; ') + hint;
    const exitCode = isInvalidValue ? ExitCodes.usage : exitCodeOf(error.status);
    return new CommandError(toTerminalText(message), exitCode, { cause: error });
  }
  const diagnosis = diagnose(error, connection);
  if (diagnosis === null) return error;
  const message = `${connection.url}: ${diagnosis.problem}; ${diagnosis.advice}`;
  return new CommandError(message, ExitCodes.unreachable, { cause: error });
}

function exitCodeOf(status: number): ExitCode {
  if (status === 401 || status === 403) return ExitCodes.refused;
  return status === 429 || status === 503 ? ExitCodes.unreachable : ExitCodes.failed;
}

function diagnose(
  error: unknown,
  { url, urlSetting }: ApiConnection,
): Pick<ConnectionDiagnosis, 'problem' | 'advice'> | null {
  // These are Node.js's own settings: it reads NODE_EXTRA_CA_CERTS, and its `fetch` uses no proxy.
  const settings = { url, urlSetting, caSetting: 'NODE_EXTRA_CA_CERTS', proxy: null };
  if (error instanceof UnexpectedResponseError) {
    const { status, location, body } = error;
    const path = new URL(error.url).pathname.slice(new URL(url).pathname.replace(/\/$/, '').length);
    return describeForeignResponse(settings, { path, status, location, body });
  }
  if (!(error instanceof NetworkError)) return null;
  const { code, message } = rootCause(error);
  if (message === 'bad port') {
    return {
      problem: `port ${new URL(url).port} is reserved for another protocol, so Node.js and browsers do not connect to it`,
      advice: `run the API on another port, and set ${urlSetting} to it`,
    };
  }
  return describeConnectionError(settings, { code, message, isAtProxy: false, connectStatus: null });
}

/**
 * Returns the code and the message of the innermost cause that has them. `fetch` wraps the error of the connection in
 * other errors.
 */
function rootCause(error: Error): { code: string | null; message: string } {
  let code: string | null = null;
  let { message } = error;
  for (let cause: unknown = error.cause; typeof cause === 'object' && cause !== null;) {
    const each = cause as { code?: unknown; message?: unknown; cause?: unknown };
    if (typeof each.code === 'string') code = each.code;
    if (typeof each.message === 'string' && each.message !== '') message = each.message;
    cause = each.cause;
  }
  return { code, message };
}

const fetchWithTimeout: typeof fetch = async (input, init) => {
  const timeout = new AbortController();
  const fail = () => timeout.abort(Object.assign(new Error('The server does not answer.'), { code: 'ETIMEDOUT' }));
  const timer = setTimeout(fail, RESPONSE_MS_MAX);
  try {
    const signals = init?.signal ? [init.signal, timeout.signal] : [timeout.signal];
    return await fetch(input, { ...init, signal: AbortSignal.any(signals) });
  } finally {
    clearTimeout(timer);
  }
};
