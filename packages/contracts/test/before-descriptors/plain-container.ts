/**
 * The implementation before `CONTAINER_FIELDS`. `before-descriptors.test.ts` compares it with the current
 * implementation.
 */
import { DockerIdPattern, TRUNCATABLE_FIELDS } from '../../src/container-fields.js';
import { endsInRange, type Container, type Labels, type Port } from '../../src/index.js';
import { MillisecondInstantPattern } from '../../src/instant.js';
import { fitsLabelLimits } from './fit-container.js';
import {
  COMMAND_LENGTH_MAX,
  NAME_LENGTH_MAX,
  PORT_IP_LENGTH_MAX,
  PORTS_MAX,
  STATE_LENGTH_MAX,
  STATUS_LENGTH_MAX,
} from '../../src/limits.js';

/**
 * Whether `Container` and `fitContainer` would return a parsed JSON value unchanged. Such a value has all ten required
 * fields, and no other field except a non-empty `truncated`. Each field is within its limits and in canonical form. The
 * caller need not run the schema on such a value. The schema would allocate about forty objects per container. If the
 * result is false, the schema decides whether the value is valid. A test checks that this function and the schema
 * agree.
 */
export function isPlainContainer(value: unknown): value is Container {
  if (typeof value !== 'object' || value === null) return false;
  const container = value as Container;
  const { dockerId, startedAt, truncated } = container;
  return (
    hasKeys(container, truncated === undefined ? 10 : 11) &&
    typeof dockerId === 'string' &&
    DockerIdPattern.test(dockerId) &&
    isText(container.name, 1, NAME_LENGTH_MAX) &&
    isText(container.image, 1, NAME_LENGTH_MAX) &&
    (container.imageId === null || isText(container.imageId, 0, NAME_LENGTH_MAX)) &&
    isText(container.command, 0, COMMAND_LENGTH_MAX) &&
    isText(container.state, 1, STATE_LENGTH_MAX) &&
    container.state === container.state.toLowerCase() &&
    isText(container.status, 0, STATUS_LENGTH_MAX) &&
    Array.isArray(container.ports) &&
    container.ports.length <= PORTS_MAX &&
    container.ports.every(isPlainPort) &&
    areLabels(container.labels) &&
    (startedAt === null || (typeof startedAt === 'string' && isCanonicalInstant(startedAt))) &&
    (truncated === undefined || areFields(truncated))
  );
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

function isPlainPort(value: unknown): value is Port {
  if (typeof value !== 'object' || value === null) return false;
  const { ip, privatePort, publicPort, type, count } = value as Partial<Record<keyof Port, unknown>>;
  const optional = Number(ip !== undefined) + Number(publicPort !== undefined) + Number(count !== undefined);
  return (
    hasKeys(value, 2 + optional) &&
    isPortNumber(privatePort) &&
    (publicPort === undefined || isPortNumber(publicPort)) &&
    (ip === undefined || isText(ip, 0, PORT_IP_LENGTH_MAX)) &&
    (type === 'tcp' || type === 'udp' || type === 'sctp') &&
    (count === undefined || isCount(count, privatePort as number, publicPort as number | undefined))
  );
}

const isCount = (count: unknown, privatePort: number, publicPort = 1): boolean =>
  isPortNumber(count) && count !== 1 && endsInRange(privatePort, publicPort, count as number);

/** Whether `Truncated` would return the value unchanged. False for an empty array. */
function areFields(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0) return false;
  const places = value.map((field) => TRUNCATABLE_FIELDS.indexOf(field as (typeof TRUNCATABLE_FIELDS)[number]));
  return places.every((place, index) => place !== -1 && (index === 0 || place > places[index - 1]!));
}

function areLabels(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const labels = value as Record<string, unknown>;
  for (const key of Object.keys(labels)) if (!isText(key) || !isText(labels[key])) return false;
  return fitsLabelLimits(labels as Labels);
}

/** Whether the value is as `Date#toISOString` returns it. Excludes the year 0, which PostgreSQL does not have. */
const isCanonicalInstant = (value: string): boolean =>
  MillisecondInstantPattern.test(value) && !value.startsWith('0000') && toIso(value) === value;

function toIso(value: string): string | null {
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
