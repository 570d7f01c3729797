import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import {
  PORTS_MAX,
  SNAPSHOT_BODY_BYTES_MAX,
  TRUNCATABLE_FIELDS,
  canonicalContainer,
  canonicalSnapshot,
  splitPorts,
  type Container,
} from '@muster/contracts';
import { sortByName } from '../lib/sort-by-name.js';

/** A snapshot in the format in which it is sent. Equal states give equal bytes, including after compression. */
export interface EncodedSnapshot {
  body: Buffer;
  encoding: 'gzip' | null;
}

/** The body of a request that reports only removed containers. */
export const EMPTY_SNAPSHOT: EncodedSnapshot = { body: Buffer.from('[]'), encoding: null };

/**
 * A body is compressed only if it has at least this many bytes. A smaller body fits into a few packets anyway, so
 * compressing it is not worthwhile.
 */
const GZIP_BYTES_MIN = 4_096;

const gzipAsync = promisify(gzip);

/** Returns the canonical JSON text of the snapshot. */
export const snapshotText = (containers: readonly Container[]): string => JSON.stringify(canonicalSnapshot(containers));

export interface EncodeOptions {
  /**
   * Whether the API accepts ranges of ports. If not, each range is split into single ports, with at most `PORTS_MAX`
   * ports in total.
   */
  portRanges: boolean;
  bytesMax?: number;
}

/**
 * Encodes the containers and compresses the text if it is large. `encoded` lists the containers that fit into
 * `bytesMax`: either all containers or the first containers by name.
 */
export async function encodeSnapshot(
  containers: readonly Container[],
  { portRanges, bytesMax = SNAPSHOT_BODY_BYTES_MAX }: EncodeOptions,
): Promise<{ snapshot: EncodedSnapshot; encoded: readonly Container[] }> {
  const toSent = portRanges ? (each: Container) => each : withSinglePorts;
  let encoded = containers;
  let text = Buffer.from(snapshotText(encoded.map(toSent)));
  if (text.length > bytesMax) {
    encoded = selectFittingContainers(containers, bytesMax, toSent);
    text = Buffer.from(snapshotText(encoded.map(toSent)));
  }
  if (text.length < GZIP_BYTES_MIN) return { snapshot: { body: text, encoding: null }, encoded };
  return { snapshot: { body: await gzipAsync(text), encoding: 'gzip' }, encoded };
}

/** Returns whether a port of the container is a range. */
export const hasPortRange = ({ ports }: Container): boolean => ports.some(({ count }) => count !== undefined);

/** Splits ranges of ports into single ports. Marks the ports as truncated if there are too many. */
function withSinglePorts(container: Container): Container {
  if (!hasPortRange(container)) return container;
  const { ports, isComplete } = splitPorts(container.ports, PORTS_MAX);
  if (isComplete) return { ...container, ports };
  const truncated = TRUNCATABLE_FIELDS.filter((name) => name === 'ports' || container.truncated?.includes(name));
  return { ...container, ports, truncated };
}

function selectFittingContainers(
  containers: readonly Container[],
  bytesMax: number,
  toSent: (container: Container) => Container,
): Container[] {
  const sorted = sortByName(
    containers,
    ({ name }) => name,
    ({ dockerId }) => dockerId,
  );
  let bytes = '[]'.length;
  const end = sorted.findIndex((container) => {
    bytes += Buffer.byteLength(JSON.stringify(canonicalContainer(toSent(container)))) + ','.length;
    return bytes > bytesMax;
  });
  return sorted.slice(0, end === -1 ? sorted.length : end);
}
