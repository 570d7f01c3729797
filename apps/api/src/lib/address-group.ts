/** Characters of the longest address: a proxy that is trusted may still pass on what is none. */
const ADDRESS_LENGTH_MAX = 45;

/**
 * What counts as one caller: an IPv4 address, or the /64 network of an IPv6 address, all of which one machine has.
 * What is no address counts as one caller by its first characters.
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
