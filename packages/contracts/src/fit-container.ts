import { comparePorts } from './canonical.js';
import type { ContainerExit } from './container-exit.js';
import type { Container } from './container.js';
import type { Labels } from './labels.js';
import type { Port } from './ports.js';
import { CONTAINER_FIELDS, TRUNCATABLE_FIELDS, type FieldKind } from './container-fields.js';
import {
  LABEL_KEY_LENGTH_MAX,
  LABEL_VALUE_LENGTH_MAX,
  LABELS_BYTES_MAX,
  LABELS_MAX,
  NAME_LENGTH_MAX,
  PORT_IP_LENGTH_MAX,
} from './limits.js';
import { mergePorts } from './port-ranges.js';
import { shortenText } from './text.js';

export interface FitOptions {
  /**
   * Whether to merge ports into ranges before ports are dropped. Must be false for an API that does not accept
   * `ports[].count`.
   */
  portRanges?: boolean;
}

/**
 * Shortens fields that exceed a limit, so that the API does not refuse a whole snapshot because of one large field.
 *
 * - Texts are truncated to their limit, never inside a surrogate pair.
 * - Labels with a key that is too long are dropped, because two shortened keys could collide. Values are truncated. If
 *   the labels are then still too many or too large, the labels whose keys come last in order are dropped.
 * - If there are more than `PORTS_MAX` ports, consecutive ports are merged into ranges, without loss. If there are then
 *   still more than `PORTS_MAX` entries, the last entries are dropped.
 *
 * Adds to `truncated` the names of the fields that lost data. Returns the same object if the container is within all
 * limits. Idempotent. If the container exceeds a limit, takes O(n log n) time in the number of its labels and ports.
 */
export function fitContainer(container: Container, { portRanges = true }: FitOptions = {}): Container {
  let fitted: Record<string, unknown> | null = null;
  const lostFields = new Set<string>(container.truncated);
  for (const { name, fit } of FIT_BY_FIELD) {
    const { value, hasLostData } = fit(container[name], portRanges);
    if (value === container[name]) continue;
    fitted ??= { ...container };
    fitted[name] = value;
    if (hasLostData) lostFields.add(name);
  }
  if (fitted === null && container.truncated?.length !== 0) return container;
  const { truncated: _earlier, ...rest } = (fitted ?? container) as Container;
  if (lostFields.size === 0) return rest;
  return { ...rest, truncated: TRUNCATABLE_FIELDS.filter((name) => lostFields.has(name)) };
}

interface FittedValue {
  value: unknown;
  /** Whether the new value has lost data. */
  hasLostData: boolean;
}

/** Functions that shorten a value, by the kind of its field. A value within its limit is returned unchanged. */
const FIT_BY_KIND: Record<
  Exclude<FieldKind, 'instant' | 'flag' | 'count'>,
  (value: never, limit: number, portRanges: boolean) => FittedValue
> = {
  text: (value: string | null, limit) => ({ value: value && shortenText(value, limit), hasLostData: true }),
  ports: fitPorts,
  labels: (value: Labels) => ({ value: fitLabels(value), hasLostData: true }),
  names: (value: string[], limit) => ({ value: fitNames(value, limit), hasLostData: true }),
  optionalText: (value: string | null | undefined, limit) => ({
    value: value && shortenText(value, limit),
    hasLostData: true,
  }),
  exit: (value: ContainerExit | null | undefined, limit) => ({
    value: value && (value.error.length > limit ? { ...value, error: shortenText(value.error, limit) } : value),
    hasLostData: true,
  }),
};

const FIT_BY_FIELD = TRUNCATABLE_FIELDS.map((name) => {
  const { kind, limit } = CONTAINER_FIELDS[name];
  const fit = FIT_BY_KIND[kind] as (value: unknown, limit: number, portRanges: boolean) => FittedValue;
  return { name, fit: (value: unknown, portRanges: boolean) => fit(value, limit, portRanges) };
});

const hasLongAddress = ({ ip }: Port): boolean => ip !== undefined && ip.length > PORT_IP_LENGTH_MAX;

function fitPorts(ports: Port[], limit: number, portRanges: boolean): FittedValue {
  const isAddressLost = ports.some(hasLongAddress);
  if (ports.length <= limit && !isAddressLost) return { value: ports, hasLostData: false };
  const shortened = ports.map((port) =>
    hasLongAddress(port) ? { ...port, ip: shortenText(port.ip!, PORT_IP_LENGTH_MAX) } : port,
  );
  const shouldMerge = portRanges && shortened.length > limit;
  const ordered = shouldMerge ? mergePorts(shortened) : shortened.sort(comparePorts);
  return { value: ordered.slice(0, limit), hasLostData: isAddressLost || ordered.length > limit };
}

/** Whether labels are within all limits. Keys and values must be well-formed strings. */
export function fitsLabelLimits(labels: Labels): boolean {
  const keys = Object.keys(labels);
  if (keys.length > LABELS_MAX) return false;
  let units = 0;
  for (const key of keys) {
    const value = labels[key]!;
    if (key.length > LABEL_KEY_LENGTH_MAX || value.length > LABEL_VALUE_LENGTH_MAX) return false;
    units += key.length + value.length;
  }
  // A UTF-16 code unit takes 1 to 3 bytes in UTF-8. For most labels, the number of code units therefore suffices to
  // decide.
  return units * 3 <= LABELS_BYTES_MAX || (units <= LABELS_BYTES_MAX && labelBytes(labels) <= LABELS_BYTES_MAX);
}

function labelBytes(labels: Labels): number {
  let bytes = 0;
  for (const key of Object.keys(labels)) bytes += utf8Bytes(key) + utf8Bytes(labels[key]!);
  return bytes;
}

function fitNames(names: string[], limit: number): string[] {
  if (names.length <= limit && names.every((name) => name.length <= NAME_LENGTH_MAX)) return names;
  return names.slice(0, limit).map((name) => shortenText(name, NAME_LENGTH_MAX));
}

function fitLabels(labels: Labels): Labels {
  if (fitsLabelLimits(labels)) return labels;
  const fitted = Object.create(null) as Labels;
  let count = 0;
  let bytes = 0;
  for (const key of Object.keys(labels).sort()) {
    if (key.length > LABEL_KEY_LENGTH_MAX) continue;
    const value = shortenText(labels[key]!, LABEL_VALUE_LENGTH_MAX);
    count += 1;
    bytes += utf8Bytes(key) + utf8Bytes(value);
    if (count > LABELS_MAX || bytes > LABELS_BYTES_MAX) break;
    fitted[key] = value;
  }
  return fitted;
}

/** Counts the UTF-8 bytes of a well-formed string. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // Each half of a surrogate pair accounts for 2 of the character's 4 bytes.
    if (unit >= 0x80) bytes += unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
