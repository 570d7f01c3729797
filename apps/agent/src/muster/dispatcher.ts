import { Agent, EnvHttpProxyAgent, type Dispatcher } from 'undici';

/** How the API is reached, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say; null: not said. */
export interface ProxySettings {
  https: string | null;
  http: string | null;
  except: string | null;
}

/** No answer of Muster's is a thousandth as long. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/** One kept connection to the API, through the proxy that the settings name for it. */
export function createMusterDispatcher({ https, http, except }: ProxySettings, connectTimeoutMs: number): Dispatcher {
  const options = { connections: 1, connectTimeout: connectTimeoutMs, maxResponseSize: ANSWER_BYTES_MAX };
  if (https === null && http === null) return new Agent(options);
  // Given as texts, empty ones included, so that it does not look into the environment by itself.
  return new EnvHttpProxyAgent({ ...options, httpsProxy: https ?? '', httpProxy: http ?? '', noProxy: except ?? '' });
}
