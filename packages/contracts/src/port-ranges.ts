import { comparePorts } from './canonical.js';
import type { Port } from './container.js';

/**
 * Merges ports that follow each other, in the container and on the host, into entries with a `count`. The result stands
 * for exactly the same ports and is in the order of `comparePorts`; ports that are listed twice stay listed twice.
 */
export function mergePorts(ports: readonly Port[]): Port[] {
  const places = new Map<string, { place: number; port: Port }[]>();
  for (const port of ports) {
    const key = port.ip === undefined ? port.type : `${port.type} ${port.ip}`;
    const entry = { place: placeOf(port), port };
    const group = places.get(key);
    if (group === undefined) places.set(key, [entry]);
    else group.push(entry);
  }
  const merged: Port[] = [];
  for (const group of places.values()) {
    // One number each: a body has room for 300,000 ports, and a comparison of their fields takes several times as long.
    group.sort((a, b) => a.place - b.place);
    let last: Port | undefined;
    let isCopy = false;
    for (const { port } of group) {
      if (last === undefined || !isNext(last, port)) {
        merged.push((last = port));
        isCopy = false;
        continue;
      }
      // Copied only where it changes: most of the time of merging ports that do not follow each other would be for copies.
      if (!isCopy) merged[merged.length - 1] = last = { ...last };
      isCopy = true;
      last.count = (last.count ?? 1) + (port.count ?? 1);
    }
  }
  return merged.sort(comparePorts);
}

/** Writes consecutive ports as text: `8080`, or `8000-8009` for ten of them. */
export const portRange = (first: number, count = 1): string =>
  count === 1 ? `${first}` : `${first}-${first + count - 1}`;

/** How far the public port is from the private one, which all ports of one range share; unpublished ones come first. */
const offset = ({ privatePort, publicPort }: Port): number =>
  publicPort === undefined ? -PORT_NUMBERS : publicPort - privatePort;

/** More than any port number. */
const PORT_NUMBERS = 65_536;

/** Orders ports of one address and type so that those of one range stand next to each other. */
const placeOf = (port: Port): number => offset(port) * PORT_NUMBERS + port.privatePort;

/** Whether a port continues a range of the same address and type. */
const isNext = (range: Port, port: Port): boolean =>
  offset(range) === offset(port) && range.privatePort + (range.count ?? 1) === port.privatePort;
