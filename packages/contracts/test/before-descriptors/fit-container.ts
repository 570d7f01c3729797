/**
 * The implementation before `CONTAINER_FIELDS`. `before-descriptors.test.ts` compares it with the current
 * implementation.
 */
import { comparePorts } from './canonical.js';
import type { Container, Labels, Port } from '../../src/index.js';
import { TRUNCATABLE_FIELDS, type TruncatableField } from '../../src/container-fields.js';
import {
  COMMAND_LENGTH_MAX,
  LABEL_KEY_LENGTH_MAX,
  LABEL_VALUE_LENGTH_MAX,
  LABELS_BYTES_MAX,
  LABELS_MAX,
  NAME_LENGTH_MAX,
  PORT_IP_LENGTH_MAX,
  PORTS_MAX,
  STATE_LENGTH_MAX,
  STATUS_LENGTH_MAX,
} from '../../src/limits.js';
import { mergePorts } from '../../src/port-ranges.js';
import { shortenText } from '../../src/text.js';

export interface FitOptions {
  /** Whether to merge ports into ranges before dropping any. False for an API that does not accept `ports[].count`. */
  portRanges?: boolean;
}

/**
 * Shortens the fields that exceed a limit, so that one oversized field never causes a whole snapshot to be refused.
 *
 * - Texts are cut at their limit, never inside a surrogate pair.
 * - Labels with a key that is too long are dropped, because two shortened keys could collide. Values are cut. If the
 *   labels are still too many or too large, the last ones in key order are dropped.
 * - If there are more than `PORTS_MAX` ports, they are merged into ranges, without loss. If there are still too many
 *   entries, the last ones are dropped.
 *
 * Adds to `truncated` the names of the fields that lost data. Returns a container within all limits unchanged (the same
 * object). Idempotent. Takes O(n log n) in the number of labels and ports of a container that exceeds a limit.
 */
export function fitContainer(container: Container, { portRanges = true }: FitOptions = {}): Container {
  const { ports, portsAreLost } = fitPorts(container.ports, portRanges);
  const fitted = {
    name: shortenText(container.name, NAME_LENGTH_MAX),
    image: shortenText(container.image, NAME_LENGTH_MAX),
    imageId: container.imageId === null ? null : shortenText(container.imageId, NAME_LENGTH_MAX),
    command: shortenText(container.command, COMMAND_LENGTH_MAX),
    state: shortenText(container.state, STATE_LENGTH_MAX),
    status: shortenText(container.status, STATUS_LENGTH_MAX),
    ports,
    labels: fitLabels(container.labels),
  };
  const names = Object.keys(fitted) as (keyof typeof fitted)[];
  const changed = names.filter((field) => fitted[field] !== container[field]);
  if (changed.length === 0 && container.truncated?.length !== 0) return container;

  const { truncated: earlier = [], ...rest } = container;
  const lost = new Set<TruncatableField>([...changed, ...earlier]);
  if (!portsAreLost && !earlier.includes('ports')) lost.delete('ports');
  if (lost.size === 0) return { ...rest, ...fitted };
  return { ...rest, ...fitted, truncated: TRUNCATABLE_FIELDS.filter((field) => lost.has(field)) };
}

const hasLongAddress = ({ ip }: Port): boolean => ip !== undefined && ip.length > PORT_IP_LENGTH_MAX;

function fitPorts(ports: Port[], portRanges: boolean): { ports: Port[]; portsAreLost: boolean } {
  const isAddressLost = ports.some(hasLongAddress);
  if (ports.length <= PORTS_MAX && !isAddressLost) return { ports, portsAreLost: false };
  const shortened = ports.map((port) =>
    hasLongAddress(port) ? { ...port, ip: shortenText(port.ip!, PORT_IP_LENGTH_MAX) } : port,
  );
  const merges = portRanges && shortened.length > PORTS_MAX;
  const ordered = merges ? mergePorts(shortened) : shortened.sort(comparePorts);
  return { ports: ordered.slice(0, PORTS_MAX), portsAreLost: isAddressLost || ordered.length > PORTS_MAX };
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
  // A UTF-16 unit takes 1 to 3 bytes in UTF-8, so most labels need no exact measurement.
  return units * 3 <= LABELS_BYTES_MAX || (units <= LABELS_BYTES_MAX && labelBytes(labels) <= LABELS_BYTES_MAX);
}

function labelBytes(labels: Labels): number {
  let bytes = 0;
  for (const key of Object.keys(labels)) bytes += utf8Bytes(key) + utf8Bytes(labels[key]!);
  return bytes;
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
