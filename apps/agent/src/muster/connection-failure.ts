import {
  describeConnectionError,
  type ConnectionDiagnosis,
  type ConnectionError,
  type ConnectionSettings,
} from '@muster/contracts';
import { proxyFor, type ProxySettings } from './proxy.js';

/** Thrown if the connection to the proxy fails (`cause`), or if the proxy refuses to connect to the API. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';

  constructor(
    message: string,
    /** The status of the refusal; null if the connection to the proxy failed. */
    readonly connectStatus: number | null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Returns what messages say about the connection to the API at `url`. */
export function connectionSettings(url: URL, settings: ProxySettings): ConnectionSettings {
  const proxy = proxyFor(url, settings);
  return {
    url: url.href.replace(/\/+$/, ''),
    urlSetting: 'MUSTER_URL',
    caSetting: 'MUSTER_CA_FILE',
    proxy: proxy === null ? null : { url: proxy.url.href, setting: proxy.setting },
  };
}

/** Describes why a request had no response. `timeoutMs` is the request's timeout if it passed, otherwise null. */
export function describeFailure(
  settings: ConnectionSettings,
  error: unknown,
  timeoutMs: number | null,
): ConnectionDiagnosis {
  // Without a tunnel, all requests go to the proxy.
  const isAtProxy = error instanceof ProxyError || (settings.proxy !== null && settings.url.startsWith('http:'));
  const connectStatus = error instanceof ProxyError ? error.connectStatus : null;
  const { code, message } = innermostCause(error);
  const failure: ConnectionError = { code: code ?? null, message, isAtProxy, connectStatus };
  return describeConnectionError(settings, timeoutMs === null ? failure : { ...failure, timeoutMs });
}

/** Returns the problem and the advice as one clause. */
export const formatDiagnosis = ({ problem, advice }: ConnectionDiagnosis): string => `${problem}; ${advice}`;

/** Returns the innermost cause, which names the network error. */
function innermostCause(error: unknown): NodeJS.ErrnoException {
  const { cause } = error as { cause?: unknown };
  return typeof cause === 'object' && cause !== null ? innermostCause(cause) : (error as NodeJS.ErrnoException);
}
