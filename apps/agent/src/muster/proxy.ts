/** How the API is reached, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say; null: not said. */
export interface ProxySettings {
  https: string | null;
  http: string | null;
  except: string | null;
}

/** The proxy to `url`; null: there is none between. Each proxy is for its own kind of address alone, as with curl. */
export function proxyFor(url: URL, { https, http, except }: ProxySettings): URL | null {
  const proxy = url.protocol === 'https:' ? https : http;
  return proxy === null || isExcepted(url, except ?? '') ? null : new URL(proxy);
}

/**
 * Whether NO_PROXY names the host: names with commas or blanks between them, each for itself and for what is below it,
 * a leading dot or `*.` notwithstanding, `*` for all; with a port, for that port alone.
 */
function isExcepted({ hostname, protocol, port }: URL, list: string): boolean {
  const host = hostname.toLowerCase();
  const ownPort = port || (protocol === 'https:' ? '443' : '80');
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, name = '', entryPort] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(bracketed(entry))!;
      return (entryPort === undefined || entryPort === ownPort) && (host === name || host.endsWith(`.${name}`));
    });
}

/** An IPv6 address as a URL has it: its colons begin no port. */
const bracketed = (entry: string): string => (/^[0-9a-f]*:[0-9a-f:.]*:[0-9a-f.]*$/.test(entry) ? `[${entry}]` : entry);
