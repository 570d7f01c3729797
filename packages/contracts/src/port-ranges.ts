import { byCodeUnit, comparePorts } from './canonical.js';
import type { Port } from './container.js';

/**
 * Merges ports that follow each other, in the container and on the host, into entries with a `count`. The result stands
 * for exactly the same ports and is in the order of `comparePorts`; ports that are listed twice stay listed twice.
 */
export function mergePorts(ports: readonly Port[]): Port[] {
  const merged: Port[] = [];
  for (const port of ports.toSorted(byRange)) {
    const last = merged.at(-1);
    if (last !== undefined && isNext(last, port)) last.count = (last.count ?? 1) + (port.count ?? 1);
    else merged.push({ ...port });
  }
  return merged.sort(comparePorts);
}

/** Writes consecutive ports as text: `8080`, or `8000-8009` for ten of them. */
export const portRange = (first: number, count = 1): string =>
  count === 1 ? `${first}` : `${first}-${first + count - 1}`;

/** How far the public port is from the private one, which all ports of one range share; unpublished ones come first. */
const offset = ({ privatePort, publicPort }: Port): number =>
  publicPort === undefined ? Number.MIN_SAFE_INTEGER : publicPort - privatePort;

/** Orders ports so that those of one range stand next to each other. */
const byRange = (a: Port, b: Port): number =>
  byCodeUnit(a.type, b.type) ||
  byCodeUnit(a.ip ?? '', b.ip ?? '') ||
  Number(a.ip !== undefined) - Number(b.ip !== undefined) ||
  offset(a) - offset(b) ||
  a.privatePort - b.privatePort;

const isNext = (range: Port, port: Port): boolean =>
  range.type === port.type &&
  range.ip === port.ip &&
  offset(range) === offset(port) &&
  range.privatePort + (range.count ?? 1) === port.privatePort;
