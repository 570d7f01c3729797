import { Agent as HttpAgent, request as requestHttp, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type SecureContext } from 'node:tls';
import type { HttpRoute } from '../http/http-request.js';
import { ProxyError } from './connection-failure.js';
import { proxyFor, type ProxySettings } from './proxy.js';
import { loadTrust, type TrustSettings } from './trust.js';

/**
 * How long an idle connection is kept, in milliseconds, unless the server announces a shorter time. The time is longer
 * than a few heartbeat intervals, so that the connection is reused. It is shorter than 60 s, after which load balancers
 * usually close a connection. Otherwise, a request could be sent on a connection that is being closed.
 */
const IDLE_MS_MAX = 55_000;

const KEEP_ALIVE = { keepAlive: true, maxSockets: 1, timeout: IDLE_MS_MAX };

/** Removes the brackets that a URL puts around an IPv6 address. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');
const portOf = ({ port, protocol }: URL): number => Number(port || (protocol === 'https:' ? 443 : 80));

/**
 * Creates a route with one keep-alive connection to the API at `url`, through the proxy that the settings select for
 * `url`. The certificates of `trust` are read only if the connection uses TLS.
 * @throws StopError if these certificates cannot be read.
 */
export function createMusterRoute(url: URL, settings: ProxySettings, trust: TrustSettings): HttpRoute {
  const proxy = proxyFor(url, settings)?.url ?? null;
  const usesTls = [url, proxy].some((server) => server?.protocol === 'https:');
  const tls = usesTls ? { secureContext: loadTrust(trust) } : {};
  if (proxy === null) return createRoute(url, createAgent(url, tls));
  if (url.protocol === 'https:') return createRoute(url, new TunnelAgent(proxy, tls));
  // Requests to an `http:` URL need no tunnel. They are sent to the proxy with the absolute URL.
  return {
    ...createRoute(proxy, createAgent(proxy, tls)),
    pathPrefix: url.origin,
    headers: { host: url.host, ...proxyAuthorization(proxy) },
  };
}

/** The certificates that TLS connections trust. */
interface TlsOptions {
  secureContext?: SecureContext;
}

const createAgent = ({ protocol }: URL, tls: TlsOptions): HttpAgent =>
  protocol === 'https:' ? new HttpsAgent({ ...KEEP_ALIVE, ...tls }) : new HttpAgent(KEEP_ALIVE);

const createRoute = (server: URL, httpAgent: HttpAgent): HttpRoute => ({
  request: server.protocol === 'https:' ? requestHttps : requestHttp,
  options: { host: hostOf(server), port: portOf(server), agent: httpAgent },
  close: () => httpAgent.destroy(),
});

/** Returns the proxy's authentication header, if its URL contains credentials. */
function proxyAuthorization({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** TLS connections to the API through a proxy's CONNECT tunnel. The proxy sees only encrypted data. */
class TunnelAgent extends HttpsAgent {
  readonly #proxy: URL;
  readonly #tls: TlsOptions;

  constructor(proxy: URL, tls: TlsOptions) {
    super(KEEP_ALIVE);
    this.#proxy = proxy;
    this.#tls = tls;
  }

  override createConnection(
    { host, port, signal }: RequestOptions,
    done: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    const fail = (error: ProxyError): void => done(error, undefined as unknown as Duplex);
    const failToConnect = (cause: Error): void => fail(new ProxyError('cannot connect to the proxy', null, { cause }));
    const refuse = (status: number): void => fail(new ProxyError(`the proxy answered ${status} to CONNECT`, status));
    const name = host!;
    const authority = `${isIP(name) === 6 ? `[${name}]` : name}:${port}`;
    const isSecureProxy = this.#proxy.protocol === 'https:';
    const connectRequest = (isSecureProxy ? requestHttps : requestHttp)({
      host: hostOf(this.#proxy),
      port: portOf(this.#proxy),
      method: 'CONNECT',
      path: authority,
      agent: isSecureProxy ? new HttpsAgent(this.#tls) : false,
      headers: { host: authority, ...proxyAuthorization(this.#proxy) },
      ...(signal === undefined ? {} : { signal }),
    });
    connectRequest.once('error', failToConnect);
    connectRequest.once('response', ({ statusCode }) => {
      connectRequest.destroy();
      refuse(statusCode!);
    });
    connectRequest.once('connect', ({ statusCode }, socket) => {
      connectRequest.off('error', failToConnect);
      if (statusCode !== 200) {
        socket.destroy();
        return refuse(statusCode!);
      }
      done(null, connectTls({ socket, ...(isIP(name) === 0 ? { servername: name } : {}), host: name, ...this.#tls }));
    });
    connectRequest.end();
    return undefined;
  }
}
