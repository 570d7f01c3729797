/** Length of the longest valid address. A trusted proxy may forward a value that is not an address. */
const ADDRESS_LENGTH_MAX = 45;

/**
 * Returns the group that rate limits count as one caller: an IPv4 address, or the /64 network of an IPv6 address
 * because one machine can use all of it. A value that is not an address is grouped by its first characters.
 */
export function addressGroup(address: string): string {
  const plain = address.slice(0, ADDRESS_LENGTH_MAX).toLowerCase().replace(/%.*$/, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain);
  if (mapped) return mapped[1]!;
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  const network = [...left, ...(tail === undefined ? [] : zeros), ...right].slice(0, 4);
  return `${network.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`;
}
