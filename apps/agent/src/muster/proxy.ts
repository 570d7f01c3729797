import { BlockList, isIP } from 'node:net';

/** The values of HTTPS_PROXY, HTTP_PROXY and NO_PROXY; null if unset. */
export interface ProxySettings {
  https: string | null;
  http: string | null;
  noProxy: string | null;
}

export const NO_PROXIES: ProxySettings = { https: null, http: null, noProxy: null };

/** A proxy, and the name of the setting that contains its address. */
export interface ProxyInUse {
  url: URL;
  setting: 'HTTPS_PROXY' | 'HTTP_PROXY';
}

/**
 * Returns the proxy for `url`, or null. HTTPS_PROXY is used only for https and HTTP_PROXY only for http, as in curl.
 */
export function proxyFor(url: URL, { https, http, noProxy }: ProxySettings): ProxyInUse | null {
  const isSecure = url.protocol === 'https:';
  const proxy = isSecure ? https : http;
  if (proxy === null || isExcluded(url, noProxy ?? '')) return null;
  return { url: new URL(proxy), setting: isSecure ? 'HTTPS_PROXY' : 'HTTP_PROXY' };
}

/**
 * Returns whether NO_PROXY contains the host. Entries are separated by commas or whitespace. A name matches a host and
 * its subdomains; a leading dot or `*.` makes no difference. An address matches only itself, and a network such as
 * 10.0.0.0/8 matches all its addresses, as in curl and Go. The entry `*` matches all hosts. An entry with a port
 * matches only that port.
 */
function isExcluded({ hostname, protocol, port }: URL, list: string): boolean {
  const host = hostname.toLowerCase().replace(/^\[|\]$/g, '');
  const urlPort = port || (protocol === 'https:' ? '443' : '80');
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, name = '', prefix, entryPort] = /^\*?\.?(.*?)(?:\/(\d+))?(?::(\d+))?$/.exec(addBrackets(entry))!;
      if (entryPort !== undefined && entryPort !== urlPort) return false;
      const address = name.replace(/^\[|\]$/g, '');
      if (isIP(address) !== 0) return isInNetwork(host, address, prefix);
      return prefix === undefined && (host === name || host.endsWith(`.${name}`));
    });
}

/** Adds the brackets of a URL to an IPv6 address, so that its colons are not mistaken for the start of a port. */
const addBrackets = (entry: string): string =>
  entry.replace(/^([0-9a-f]*:[0-9a-f:.]*:[0-9a-f.]*)(?=\/|$)/, (address) => `[${address}]`);

/**
 * Returns whether the host is an address in the network. Without a prefix length, the network is one address. IPv4
 * addresses also match in their IPv6 form (::ffff:10.0.0.1). A prefix that is too long matches nothing.
 */
function isInNetwork(host: string, network: string, prefix: string | undefined): boolean {
  if (isIP(host) === 0) return false;
  const bitsMax = isIP(network) === 6 ? 128 : 32;
  const bits = prefix === undefined ? bitsMax : Number(prefix);
  if (bits > bitsMax) return false;
  const family = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
  const networks = new BlockList();
  networks.addSubnet(network, bits, family(network));
  return networks.check(host, family(host));
}
