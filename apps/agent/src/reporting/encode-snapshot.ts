import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { SNAPSHOT_BODY_BYTES_MAX, canonicalContainer, canonicalSnapshot, type Container } from '@muster/contracts';
import { sortByName } from '../lib/sort-by-name.js';

/** A snapshot in the format in which it is sent. Equal states give equal bytes, including after compression. */
export interface EncodedSnapshot {
  body: Buffer;
  encoding: 'gzip' | null;
}

/** The body of a request that reports removed containers but no present ones. */
export const EMPTY_SNAPSHOT: EncodedSnapshot = { body: Buffer.from('[]'), encoding: null };

/**
 * A body is compressed only if it has at least this many bytes. A smaller body fits into a few packets anyway, so
 * compressing it is not worthwhile.
 */
const GZIP_BYTES_MIN = 4_096;

const gzipAsync = promisify(gzip);

/** Returns the canonical JSON text of the snapshot. */
export const snapshotText = (containers: readonly Container[]): string => JSON.stringify(canonicalSnapshot(containers));

/**
 * Encodes the containers and compresses the text if it is large. `encoded` lists the containers that fit into
 * `bytesMax`: either all of them or the first ones by name.
 */
export async function encodeSnapshot(
  containers: readonly Container[],
  bytesMax = SNAPSHOT_BODY_BYTES_MAX,
): Promise<{ snapshot: EncodedSnapshot; encoded: readonly Container[] }> {
  let encoded = containers;
  let text = Buffer.from(snapshotText(encoded));
  if (text.length > bytesMax) {
    encoded = selectFittingContainers(containers, bytesMax);
    text = Buffer.from(snapshotText(encoded));
  }
  if (text.length < GZIP_BYTES_MIN) return { snapshot: { body: text, encoding: null }, encoded };
  return { snapshot: { body: await gzipAsync(text), encoding: 'gzip' }, encoded };
}

function selectFittingContainers(containers: readonly Container[], bytesMax: number): Container[] {
  const sorted = sortByName(
    containers,
    ({ name }) => name,
    ({ dockerId }) => dockerId,
  );
  let bytes = '[]'.length;
  const end = sorted.findIndex((container) => {
    bytes += Buffer.byteLength(JSON.stringify(canonicalContainer(container))) + ','.length;
    return bytes > bytesMax;
  });
  return sorted.slice(0, end === -1 ? sorted.length : end);
}
