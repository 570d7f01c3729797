import { ExitReason, type ContainerExit } from './container-exit.js';
import type { Container } from './container.js';
import type { Labels } from './labels.js';
import { endsInRange, type Port } from './ports.js';
import { CONTAINER_FIELD_NAMES, CONTAINER_FIELDS, type ContainerField, type FieldKind } from './container-fields.js';
import { fitsLabelLimits } from './fit-container.js';
import { MillisecondInstantPattern } from './instant.js';
import { COUNT_MAX, NAME_LENGTH_MAX, PORT_IP_LENGTH_MAX } from './limits.js';

type FieldOf<Kind extends FieldKind> = ContainerField & { kind: Kind };

/**
 * For each kind of field, a function that creates the check of a field. The check returns whether a value is within its
 * limits and already has the form that the schema would give it.
 */
const CHECK_CREATORS: { [Kind in FieldKind]: (field: FieldOf<Kind>) => (value: unknown) => boolean } = {
  text:
    ({ minLength, limit, nullable, isValid }) =>
    (value) =>
      value === null ? nullable : isText(value, minLength, limit) && (isValid === undefined || isValid(value)),
  instant: () => (value) => value === null || (typeof value === 'string' && isCanonicalInstant(value)),
  ports:
    ({ limit = Number.POSITIVE_INFINITY }) =>
    (value) =>
      Array.isArray(value) && value.length <= limit && value.every(isNormalizedPort),
  labels: () => areLabels,
  names:
    ({ limit = Number.POSITIVE_INFINITY, isValid }) =>
    (value) =>
      Array.isArray(value) &&
      value.length <= limit &&
      value.every((name) => isText(name, 0, NAME_LENGTH_MAX)) &&
      (isValid === undefined || isValid(value)),
  optionalText:
    ({ limit }) =>
    (value) =>
      value === null || isText(value, 0, limit),
  exit:
    ({ limit }) =>
    (value) =>
      value === null || isNormalizedExit(value, limit),
  flag: () => (value) => value === null || typeof value === 'boolean',
  count: () => (value) =>
    value === null || (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= COUNT_MAX),
};

const FIELDS = CONTAINER_FIELD_NAMES.map((name) => {
  const field: ContainerField = CONTAINER_FIELDS[name];
  return {
    name,
    optional: 'optional' in field && field.optional,
    isNormalized: (CHECK_CREATORS[field.kind] as (field: ContainerField) => (value: unknown) => boolean)(field),
  };
});

/**
 * Returns whether `Container` and `fitContainer` would return a parsed JSON value unchanged. Such a value has every
 * required field, no empty optional field and no unknown field. Each field is within its limits and already has the
 * form that the schema would give it. For such a value, the caller can skip the schema, which would allocate about
 * forty objects per container. If the result is false, the schema decides whether the value is valid. A test checks
 * that this function and the schema agree.
 */
export function isNormalizedContainer(value: unknown): value is Container {
  if (typeof value !== 'object' || value === null) return false;
  const container = value as Record<string, unknown>;
  let count = 0;
  for (const { name, optional, isNormalized } of FIELDS) {
    const item = container[name];
    if (optional && item === undefined) continue;
    if (!isNormalized(item)) return false;
    count += 1;
  }
  return hasKeys(container, count);
}

const hasKeys = (value: object, count: number): boolean => Object.keys(value).length === count;

const isText = (value: unknown, min = 0, max = Number.POSITIVE_INFINITY): value is string =>
  typeof value === 'string' &&
  value.length >= min &&
  value.length <= max &&
  !value.includes('\0') &&
  value.isWellFormed();

const isPortNumber = (value: unknown) =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535;

function isNormalizedPort(value: unknown): value is Port {
  if (typeof value !== 'object' || value === null) return false;
  const { ip, privatePort, publicPort, type, count } = value as Partial<Record<keyof Port, unknown>>;
  const optional = Number(ip !== undefined) + Number(publicPort !== undefined) + Number(count !== undefined);
  return (
    hasKeys(value, 2 + optional) &&
    isPortNumber(privatePort) &&
    (publicPort === undefined || isPortNumber(publicPort)) &&
    (ip === undefined || isText(ip, 0, PORT_IP_LENGTH_MAX)) &&
    (type === 'tcp' || type === 'udp' || type === 'sctp') &&
    (count === undefined || isPortCount(count, privatePort as number, publicPort as number | undefined))
  );
}

const isPortCount = (count: unknown, privatePort: number, publicPort = 1): boolean =>
  isPortNumber(count) && count !== 1 && endsInRange(privatePort, publicPort, count as number);

const EXIT_REASONS: ReadonlySet<unknown> = new Set(ExitReason.options);

function isNormalizedExit(value: unknown, errorLengthMax: number | undefined): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { code, reason, error, finishedAt } = value as Partial<Record<keyof ContainerExit, unknown>>;
  return (
    hasKeys(value, 4) &&
    (code === null || Number.isSafeInteger(code)) &&
    EXIT_REASONS.has(reason) &&
    isText(error, 0, errorLengthMax) &&
    (finishedAt === null || (typeof finishedAt === 'string' && isCanonicalInstant(finishedAt)))
  );
}

function areLabels(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const labels = value as Record<string, unknown>;
  for (const key of Object.keys(labels)) if (!isText(key) || !isText(labels[key])) return false;
  return fitsLabelLimits(labels as Labels);
}

/** Whether the value has the format of `Date#toISOString`. Excludes the year 0, which PostgreSQL does not have. */
const isCanonicalInstant = (value: string): boolean =>
  (ExistingInstantPattern.test(value) || (MillisecondInstantPattern.test(value) && toIso(value) === value)) &&
  !value.startsWith('0000');

/** Matches most instants in the format of `Date#toISOString` that exist. It is faster than `Date`. */
const ExistingInstantPattern =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

function toIso(value: string): string | null {
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
