/** The values of HTTPS_PROXY, HTTP_PROXY and NO_PROXY; null if unset. */
export interface ProxySettings {
  https: string | null;
  http: string | null;
  noProxy: string | null;
}

/**
 * Returns the proxy for `url`, or null. HTTPS_PROXY is used only for https and HTTP_PROXY only for http, as in curl.
 */
export function proxyFor(url: URL, { https, http, noProxy }: ProxySettings): URL | null {
  const proxy = url.protocol === 'https:' ? https : http;
  return proxy === null || isExcluded(url, noProxy ?? '') ? null : new URL(proxy);
}

/**
 * Returns whether NO_PROXY contains the host. Entries are separated by commas or whitespace. Each entry matches a host
 * and its subdomains. A leading dot or `*.` makes no difference. The entry `*` matches all hosts. An entry with a port
 * matches only that port.
 */
function isExcluded({ hostname, protocol, port }: URL, list: string): boolean {
  const host = hostname.toLowerCase();
  const urlPort = port || (protocol === 'https:' ? '443' : '80');
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, name = '', entryPort] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(bracketed(entry))!;
      return (entryPort === undefined || entryPort === urlPort) && (host === name || host.endsWith(`.${name}`));
    });
}

/** Adds the brackets of a URL to an IPv6 address, so that its colons are not mistaken for the start of a port. */
const bracketed = (entry: string): string => (/^[0-9a-f]*:[0-9a-f:.]*:[0-9a-f.]*$/.test(entry) ? `[${entry}]` : entry);
