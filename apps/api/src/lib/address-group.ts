import ipaddr from 'ipaddr.js';

/**
 * Maximum length of a group, in characters. The limit is needed because a trusted proxy may forward a value that is not
 * an address.
 */
const GROUP_LENGTH_MAX = 45;

/**
 * Returns the group of addresses that rate limits count as one caller. An IPv4 address is its own group. The group of
 * an IPv6 address is its /64 network, because one machine can use a whole /64 network. A value that is not an address
 * is grouped by its first characters.
 */
export function addressGroup(address: string): string {
  if (!ipaddr.IPv6.isValid(address)) return address.slice(0, GROUP_LENGTH_MAX).toLowerCase();
  const parsed = ipaddr.process(address);
  if (!('parts' in parsed)) return parsed.toString();
  const network = parsed.parts.slice(0, 4).map((part) => part.toString(16));
  return `${network.join(':')}::/64`;
}
