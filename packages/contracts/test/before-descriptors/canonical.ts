/**
 * The implementation before `CONTAINER_FIELDS`. `before-descriptors.test.ts` compares it with the current
 * implementation.
 */
import type { Container, Labels, Port } from '../../src/index.js';

/** Compares strings by UTF-16 code units, as `Array.prototype.sort` does. */
const byCodeUnit = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Compares ports by private port, type, address, public port and count. Engines list ports in the order of a hash map,
 * so the order of ports means nothing. Returns 0 only for equal ports; an empty address differs from an absent one.
 */
export const comparePorts = (a: Port, b: Port): number =>
  a.privatePort - b.privatePort ||
  byCodeUnit(a.type, b.type) ||
  byCodeUnit(a.ip ?? '', b.ip ?? '') ||
  Number(a.ip !== undefined) - Number(b.ip !== undefined) ||
  (a.publicPort ?? 0) - (b.publicPort ?? 0) ||
  (a.count ?? 1) - (b.count ?? 1);

/** Copies labels with their keys in code unit order, so that `JSON.stringify` writes them in that order. */
function canonicalLabels(labels: Labels): Labels {
  const sorted = Object.create(null) as Labels;
  for (const key of Object.keys(labels).sort(byCodeUnit)) sorted[key] = labels[key]!;
  return sorted;
}

/**
 * Copies a container with fields, ports and labels in canonical order, so that `JSON.stringify` gives equal bytes for
 * equal containers. (JavaScript puts integer-like label keys first; that order is deterministic too.) Omits a `count`
 * of 1 and an empty `truncated`.
 */
export const canonicalContainer = (container: Container) => ({
  dockerId: container.dockerId,
  name: container.name,
  image: container.image,
  imageId: container.imageId,
  command: container.command,
  state: container.state,
  status: container.status,
  ports: container.ports
    .map(({ ip, privatePort, publicPort, type, count = 1 }) => ({
      ...(ip === undefined ? {} : { ip }),
      privatePort,
      ...(publicPort === undefined ? {} : { publicPort }),
      type,
      ...(count === 1 ? {} : { count }),
    }))
    .sort(comparePorts),
  labels: canonicalLabels(container.labels),
  startedAt: container.startedAt,
  ...(container.truncated?.length ? { truncated: container.truncated } : {}),
});
