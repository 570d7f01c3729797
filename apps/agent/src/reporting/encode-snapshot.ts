import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { SNAPSHOT_BODY_BYTES_MAX, canonicalContainer, canonicalSnapshot, type Container } from '@muster/contracts';
import { sortByName } from '../lib/sort-by-name.js';

/** A snapshot as sent: equal states give equal bytes, also when compressed. */
export interface EncodedSnapshot {
  body: Buffer;
  encoding: 'gzip' | null;
}

/** The body of a request that only names removed containers. */
export const EMPTY_SNAPSHOT: EncodedSnapshot = { body: Buffer.from('[]'), encoding: null };

/** Smallest body that is compressed; a smaller one fits into a few packets anyway. */
const GZIP_BYTES_MIN = 4_096;

const gzipAsync = promisify(gzip);

/** Returns the canonical JSON text of the snapshot. */
export const snapshotText = (containers: readonly Container[]): string => JSON.stringify(canonicalSnapshot(containers));

/**
 * Encodes the containers and compresses the text if it is large. `encoded` are the containers that fit into `bytesMax`:
 * all, or the first by name.
 */
export async function encodeSnapshot(
  containers: readonly Container[],
  bytesMax = SNAPSHOT_BODY_BYTES_MAX,
): Promise<{ snapshot: EncodedSnapshot; encoded: readonly Container[] }> {
  let encoded = containers;
  let text = Buffer.from(snapshotText(encoded));
  if (text.length > bytesMax) {
    encoded = takeFitting(containers, bytesMax);
    text = Buffer.from(snapshotText(encoded));
  }
  if (text.length < GZIP_BYTES_MIN) return { snapshot: { body: text, encoding: null }, encoded };
  return { snapshot: { body: await gzipAsync(text), encoding: 'gzip' }, encoded };
}

function takeFitting(containers: readonly Container[], bytesMax: number): Container[] {
  const ordered = sortByName(
    containers,
    ({ name }) => name,
    ({ dockerId }) => dockerId,
  );
  let bytes = '[]'.length;
  const end = ordered.findIndex((container) => {
    bytes += Buffer.byteLength(JSON.stringify(canonicalContainer(container))) + ','.length;
    return bytes > bytesMax;
  });
  return ordered.slice(0, end === -1 ? ordered.length : end);
}
