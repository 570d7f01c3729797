import {
  comparePorts,
  CONTAINER_FIELDS,
  type Container,
  type ContainerExit,
  type ContainerFieldName,
  type FieldKind,
  type FieldValues,
  type Labels,
  type Port,
} from '@muster/contracts';

/**
 * Returns whether the label `key` of `a` is missing or different in `b`. Uses `hasOwn`, because a key may be
 * `constructor`.
 */
export const labelDiffers = (a: Labels, b: Labels) => (key: string) => !Object.hasOwn(b, key) || a[key] !== b[key];

function areLabelsEqual(a: Labels, b: Labels): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && !keys.some(labelDiffers(a, b));
}

export const portKey = ({ ip, privatePort, publicPort = 0, type, count = 1 }: Port) =>
  JSON.stringify([ip ?? null, privatePort, publicPort, type, count]);

/** Compares two lists of ports regardless of their order. */
export function arePortsEqual(a: readonly Port[], b: readonly Port[]): boolean {
  if (a.length !== b.length) return false;
  const isInOrder = a.every((port, index) => comparePorts(port, b[index]!) === 0);
  return isInOrder || a.map(portKey).sort().join() === b.map(portKey).sort().join();
}

const areNamesEqual = (a: readonly string[] = [], b: readonly string[] = []): boolean =>
  a.length === b.length && a.every((name, index) => name === b[index]);

/** Compares two values of an optional field. An absent value equals null. */
const areEqualOrAbsent = <Value>(a: Value, b: Value): boolean => (a ?? null) === (b ?? null);

const areExitsEqual = (a: ContainerExit | null | undefined, b: ContainerExit | null | undefined): boolean =>
  a && b
    ? a.code === b.code && a.reason === b.reason && a.error === b.error && a.finishedAt === b.finishedAt
    : areEqualOrAbsent(a, b);

/** For each kind of field, the function that compares two values. */
const VALUE_COMPARATORS: { [Kind in FieldKind]: (a: FieldValues[Kind], b: FieldValues[Kind]) => boolean } = {
  text: (a, b) => a === b,
  instant: (a, b) => a === b,
  ports: arePortsEqual,
  labels: areLabelsEqual,
  names: areNamesEqual,
  optionalText: areEqualOrAbsent,
  exit: areExitsEqual,
  flag: areEqualOrAbsent,
  count: areEqualOrAbsent,
};

type ValueComparator = (a: unknown, b: unknown) => boolean;

/** Returns the function that compares two values of a field. */
export const sameValues = (name: ContainerFieldName): ValueComparator =>
  VALUE_COMPARATORS[CONTAINER_FIELDS[name].kind] as ValueComparator;

/** Returns whether a field's values are compared with `===`. */
export const isScalar = (name: ContainerFieldName): boolean => {
  const { kind } = CONTAINER_FIELDS[name];
  return kind === 'text' || kind === 'instant';
};

/** Returns whether a field's values are lists. A list that does not change is not written again. */
export const isList = (name: ContainerFieldName): boolean => {
  const { kind } = CONTAINER_FIELDS[name];
  return kind === 'ports' || kind === 'labels' || kind === 'names';
};

/** Creates a function that compares containers by these fields, the cheapest fields first. */
export function sameFields(fields: readonly ContainerFieldName[]): (a: Container, b: Container) => boolean {
  const scalars = fields.filter(isScalar);
  const nonScalars = fields.filter((name) => !isScalar(name)).map((name) => ({ name, same: sameValues(name) }));
  return (a, b) => {
    for (const name of scalars) if (a[name] !== b[name]) return false;
    for (const { name, same } of nonScalars) if (!same(a[name], b[name])) return false;
    return true;
  };
}
