import { DockerIdPattern, type Container, type Port } from './container.js';
import { MillisecondInstantPattern } from './instant.js';
import { LABELS_MAX, NAME_LENGTH_MAX, PORT_IP_LENGTH_MAX, STATE_LENGTH_MAX, STATUS_LENGTH_MAX } from './limits.js';

/**
 * Whether a parsed JSON value is a container exactly as `Container` would give it back: all ten fields and no other,
 * each within its limits and in its final form. Then it need not go through the schema, which makes some forty
 * objects to say yes. What this does not recognise may still be good: the schema decides. A test holds the two equal.
 */
export function isPlainContainer(value: unknown): value is Container {
  if (typeof value !== 'object' || value === null) return false;
  const container = value as Container;
  const { dockerId, startedAt } = container;
  return (
    hasKeys(container, 10) &&
    typeof dockerId === 'string' &&
    DockerIdPattern.test(dockerId) &&
    isText(container.name, 1, NAME_LENGTH_MAX) &&
    isText(container.image, 1, NAME_LENGTH_MAX) &&
    (container.imageId === null || isText(container.imageId)) &&
    isText(container.command) &&
    isText(container.state, 1, STATE_LENGTH_MAX) &&
    container.state === container.state.toLowerCase() &&
    isText(container.status, 0, STATUS_LENGTH_MAX) &&
    Array.isArray(container.ports) &&
    container.ports.every(isPlainPort) &&
    areLabels(container.labels) &&
    (startedAt === null || (typeof startedAt === 'string' && isCanonicalInstant(startedAt)))
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
  const { ip, privatePort, publicPort, type } = value as Partial<Record<keyof Port, unknown>>;
  const optional = Number(ip !== undefined) + Number(publicPort !== undefined);
  return (
    hasKeys(value, 2 + optional) &&
    isPortNumber(privatePort) &&
    (publicPort === undefined || isPortNumber(publicPort)) &&
    (ip === undefined || isText(ip, 0, PORT_IP_LENGTH_MAX)) &&
    (type === 'tcp' || type === 'udp' || type === 'sctp')
  );
}

function areLabels(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const labels = value as Record<string, unknown>;
  const keys = Object.keys(labels);
  if (keys.length > LABELS_MAX) return false;
  for (const key of keys) if (!isText(key) || !isText(labels[key])) return false;
  return true;
}

/** Whether it is what `Date#toISOString` writes, of a year that every database has. */
const isCanonicalInstant = (value: string): boolean =>
  MillisecondInstantPattern.test(value) && !value.startsWith('0000') && toIso(value) === value;

function toIso(value: string): string | null {
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
