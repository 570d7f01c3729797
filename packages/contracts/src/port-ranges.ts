import { comparePorts } from './canonical.js';
import type { Port } from './ports.js';

/**
 * Merges ports that are consecutive in the container and on the host into entries with a `count`. The result describes
 * exactly the same ports, sorted by `comparePorts`. Duplicate ports stay duplicates.
 */
export function mergePorts(ports: readonly Port[]): Port[] {
  const portsByAddress = new Map<string, { sortKey: number; port: Port }[]>();
  for (const port of ports) {
    const key = port.ip === undefined ? port.type : `${port.type} ${port.ip}`;
    const entry = { sortKey: sortKeyOf(port), port };
    const group = portsByAddress.get(key);
    if (group === undefined) portsByAddress.set(key, [entry]);
    else group.push(entry);
  }
  const merged: Port[] = [];
  for (const group of portsByAddress.values()) {
    // Compare one number per port. A body can contain 300,000 ports, and comparing several fields per port takes
    // several times as long.
    group.sort((a, b) => a.sortKey - b.sortKey);
    let last: Port | undefined;
    let isCopy = false;
    for (const { port } of group) {
      if (last === undefined || !continuesRange(last, port)) {
        merged.push((last = port));
        isCopy = false;
        continue;
      }
      // Copy only the first port of a range, because only its `count` changes. Copying every port would take most of
      // this function's time.
      if (!isCopy) merged[merged.length - 1] = last = { ...last };
      isCopy = true;
      last.count = (last.count ?? 1) + (port.count ?? 1);
    }
  }
  return merged.sort(comparePorts);
}

/** Formats consecutive ports: `8080` for one, `8000-8009` for ten. */
export const portRange = (first: number, count = 1): string =>
  count === 1 ? `${first}` : `${first}-${first + count - 1}`;

/**
 * Returns a port's public number minus its private number. The difference is equal for all ports of a range. For an
 * unpublished port, returns a number below all of these differences, so that unpublished ports sort first.
 */
const portOffset = ({ privatePort, publicPort }: Port): number =>
  publicPort === undefined ? -PORT_NUMBER_COUNT : publicPort - privatePort;

/** The number of different port numbers, including 0. It is higher than any port number. */
const PORT_NUMBER_COUNT = 65_536;

/** Returns a sort key for ports of one address and type. It puts consecutive ports next to each other. */
const sortKeyOf = (port: Port): number => portOffset(port) * PORT_NUMBER_COUNT + port.privatePort;

/** Whether a port directly follows a range. The port and the range must have the same address and type. */
const continuesRange = (range: Port, port: Port): boolean =>
  portOffset(range) === portOffset(port) && range.privatePort + (range.count ?? 1) === port.privatePort;

/**
 * Splits ranges into single ports, for an API that does not accept `count`. The result contains at most `limit` ports,
 * because a range of all ports on many addresses would fill the memory. `isComplete` is false if ports were left out.
 */
export function splitPorts(ports: readonly Port[], limit: number): { ports: Port[]; isComplete: boolean } {
  const single: Port[] = [];
  for (const { count = 1, ...first } of ports) {
    for (let offset = 0; offset < count; offset++) {
      if (single.length === limit) return { ports: single, isComplete: false };
      single.push({
        ...first,
        privatePort: first.privatePort + offset,
        ...(first.publicPort === undefined ? {} : { publicPort: first.publicPort + offset }),
      });
    }
  }
  return { ports: single, isComplete: true };
}
