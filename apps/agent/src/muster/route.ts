import { Agent as HttpAgent, request as requestHttp, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { HttpRoute } from '../http/exchange.js';
import { proxyFor, type ProxySettings } from './proxy.js';

/**
 * How long an idle connection is kept, unless the server says that it keeps it for less: over a heartbeat or two, and
 * under what balancers have (60 s), so that none is written to that the other side is closing.
 */
const IDLE_MS_MAX = 55_000;

const KEPT = { keepAlive: true, maxSockets: 1, timeout: IDLE_MS_MAX };

/** A name without the brackets that a URL has around an IPv6 address. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');
const portOf = ({ port, protocol }: URL): number => Number(port || (protocol === 'https:' ? 443 : 80));

/** One kept connection to the API at `url`, through the proxy that the settings name for it. */
export function routeToMuster(url: URL, settings: ProxySettings): HttpRoute {
  const proxy = proxyFor(url, settings);
  if (proxy === null) return routeBy(url, url.protocol === 'https:' ? new HttpsAgent(KEPT) : new HttpAgent(KEPT));
  if (url.protocol === 'https:') return routeBy(url, new TunnelAgent(proxy));
  // Over a proxy without a tunnel: it is asked for whole addresses.
  const agent = proxy.protocol === 'https:' ? new HttpsAgent(KEPT) : new HttpAgent(KEPT);
  return {
    ...routeBy(proxy, agent),
    pathPrefix: url.origin,
    headers: { host: url.host, ...credentialsOf(proxy) },
  };
}

const routeBy = (to: URL, agent: HttpAgent): HttpRoute => ({
  request: to.protocol === 'https:' ? requestHttps : requestHttp,
  options: { host: hostOf(to), port: portOf(to), agent },
  close: () => agent.destroy(),
});

/** What a proxy wants to know of whoever its address names. */
function credentialsOf({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** Connections of TLS from here to the API, through a tunnel that a proxy was asked for: it sees nothing of them. */
class TunnelAgent extends HttpsAgent {
  readonly #proxy: URL;

  constructor(proxy: URL) {
    super(KEPT);
    this.#proxy = proxy;
  }

  override createConnection(
    { host, port, signal }: RequestOptions,
    done: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    const fail = (error: Error): void => done(error, undefined as unknown as Duplex);
    const name = host!;
    const authority = `${isIP(name) === 6 ? `[${name}]` : name}:${port}`;
    const asking = (this.#proxy.protocol === 'https:' ? requestHttps : requestHttp)({
      ...{ host: hostOf(this.#proxy), port: portOf(this.#proxy), method: 'CONNECT', path: authority, agent: false },
      headers: { host: authority, ...credentialsOf(this.#proxy) },
      ...(signal === undefined ? {} : { signal }),
    });
    asking.once('error', fail);
    asking.once('response', ({ statusCode }) => {
      asking.destroy();
      fail(new Error(`the proxy answered ${statusCode} to CONNECT`));
    });
    asking.once('connect', ({ statusCode }, socket) => {
      asking.off('error', fail);
      if (statusCode !== 200) {
        socket.destroy();
        return fail(new Error(`the proxy answered ${statusCode} to CONNECT`));
      }
      done(null, connectTls({ socket, ...(isIP(name) === 0 ? { servername: name } : {}), host: name }));
    });
    asking.end();
    return undefined;
  }
}
