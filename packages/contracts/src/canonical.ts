import type { Container, Labels, Port } from './container.js';

/** Compares texts by UTF-16 code units, as the language's own sort does. */
export const byCodeUnit = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Orders ports by private port, type, address, public port, count: engines list them in the order of a hash map. Only equal
 * ports are 0 apart; that takes telling an empty address from an absent one.
 */
export const comparePorts = (a: Port, b: Port): number =>
  a.privatePort - b.privatePort ||
  byCodeUnit(a.type, b.type) ||
  byCodeUnit(a.ip ?? '', b.ip ?? '') ||
  Number(a.ip !== undefined) - Number(b.ip !== undefined) ||
  (a.publicPort ?? 0) - (b.publicPort ?? 0) ||
  (a.count ?? 1) - (b.count ?? 1);

/** The same labels with their keys in code unit order, which is the order that `JSON.stringify` then writes. */
export function canonicalLabels(labels: Labels): Labels {
  const sorted = Object.create(null) as Labels;
  for (const key of Object.keys(labels).sort(byCodeUnit)) sorted[key] = labels[key]!;
  return sorted;
}

/**
 * One container with its fields, ports and labels in the one order that identical state is written in, so that
 * `JSON.stringify` of two equal containers gives equal bytes. (Integer-like label keys come first, as the
 * language has it; that too is an order.) A `count` of 1 and an empty `truncated` are left out.
 */
export const canonicalContainer = (container: Container): Container => ({
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

/** A snapshot in canonical order: containers by `dockerId`, each as `canonicalContainer` has it. */
export const canonicalSnapshot = (containers: readonly Container[]): Container[] =>
  containers.map(canonicalContainer).sort((a, b) => byCodeUnit(a.dockerId, b.dockerId));
