import type { Container } from './container.js';
import type { Labels } from './labels.js';
import type { Port } from './ports.js';
import {
  CONTAINER_FIELD_NAMES,
  CONTAINER_FIELDS,
  type ContainerField,
  type FieldKind,
  type FieldValues,
} from './container-fields.js';

/** Compares strings by UTF-16 code units, as `Array.prototype.sort` does. */
export const byCodeUnit = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Compares ports by private port, type, address, public port and count. Returns 0 only for equal ports; an empty
 * address differs from an absent one. Ports must be sorted because engines list them in the arbitrary order of a hash
 * map.
 */
export const comparePorts = (a: Port, b: Port): number =>
  a.privatePort - b.privatePort ||
  byCodeUnit(a.type, b.type) ||
  byCodeUnit(a.ip ?? '', b.ip ?? '') ||
  Number(a.ip !== undefined) - Number(b.ip !== undefined) ||
  (a.publicPort ?? 0) - (b.publicPort ?? 0) ||
  (a.count ?? 1) - (b.count ?? 1);

/** Copies labels with their keys in code unit order, so that `JSON.stringify` writes them in that order. */
export function canonicalLabels(labels: Labels): Labels {
  const sorted = Object.create(null) as Labels;
  for (const key of Object.keys(labels).sort(byCodeUnit)) sorted[key] = labels[key]!;
  return sorted;
}

/** Copies ports in canonical order, each with its fields in canonical order and without a `count` of 1. */
const canonicalPorts = (ports: readonly Port[]): Port[] =>
  ports
    .map(({ ip, privatePort, publicPort, type, count = 1 }) => ({
      ...(ip === undefined ? {} : { ip }),
      privatePort,
      ...(publicPort === undefined ? {} : { publicPort }),
      type,
      ...(count === 1 ? {} : { count }),
    }))
    .sort(comparePorts);

const identity = <Value>(value: Value): Value => value;

/** Functions that return the canonical form of a value, by the kind of its field. */
const CANONICAL: { [Kind in FieldKind]: (value: FieldValues[Kind]) => FieldValues[Kind] } = {
  text: identity,
  instant: identity,
  ports: canonicalPorts,
  labels: canonicalLabels,
  names: identity,
  optionalText: identity,
  exit: (exit) => exit && { code: exit.code, reason: exit.reason, error: exit.error, finishedAt: exit.finishedAt },
  flag: identity,
  count: identity,
};

const FIELDS = CONTAINER_FIELD_NAMES.map((name) => {
  const field: ContainerField = CONTAINER_FIELDS[name];
  const optional = 'optional' in field && field.optional;
  return { name, optional, canonical: CANONICAL[field.kind] as (value: unknown) => unknown };
});

/** Returns whether an optional field has no value. An empty list counts as no value. */
const isAbsent = (value: unknown): boolean =>
  Array.isArray(value) ? value.length === 0 : value === null || value === undefined;

/**
 * Copies a container with fields, ports and labels in canonical order, so that `JSON.stringify` gives equal bytes for
 * equal containers. (JavaScript puts label keys that are integers before all others, which does not make the result
 * ambiguous.) Omits a `count` of 1, an empty `truncated`, and the fields that the agent did not report.
 */
export function canonicalContainer(container: Container): Container {
  const copy: Record<string, unknown> = {};
  for (const { name, optional, canonical } of FIELDS) {
    if (optional && isAbsent(container[name])) continue;
    copy[name] = canonical(container[name]);
  }
  return copy as Container;
}

/**
 * Copies a snapshot in canonical order: sorts the containers by `dockerId`, and applies `canonicalContainer` to each.
 */
export const canonicalSnapshot = (containers: readonly Container[]): Container[] =>
  containers.map(canonicalContainer).sort((a, b) => byCodeUnit(a.dockerId, b.dockerId));
