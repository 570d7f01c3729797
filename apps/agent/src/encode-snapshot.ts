import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { SNAPSHOT_BODY_BYTES_MAX, SNAPSHOT_CONTAINERS_MAX, canonicalSnapshot, type Container } from '@muster/contracts';

/** A snapshot as it goes over the wire: equal states give equal bytes, compression included. */
export interface EncodedSnapshot {
  body: Buffer;
  encoding: 'gzip' | null;
}

/** From here on a body is worth compressing: below, it fits a few packets anyway. */
const GZIP_BYTES_MIN = 4_096;

const gzipAsync = promisify(gzip);

/** The snapshot's one text. */
export const snapshotText = (containers: readonly Container[]): string => JSON.stringify(canonicalSnapshot(containers));

/** The snapshot's bytes, compressed where that pays; or why the API's limits forbid it. */
export async function encodeSnapshot(
  containers: readonly Container[],
): Promise<{ success: true; snapshot: EncodedSnapshot } | { success: false; reason: string }> {
  if (containers.length > SNAPSHOT_CONTAINERS_MAX) {
    return tooLarge(`${containers.length} containers, and a snapshot holds at most ${SNAPSHOT_CONTAINERS_MAX}`);
  }
  const text = Buffer.from(snapshotText(containers));
  if (text.length > SNAPSHOT_BODY_BYTES_MAX) {
    return tooLarge(`a snapshot of ${text.length} bytes, and the API takes at most ${SNAPSHOT_BODY_BYTES_MAX}`);
  }
  if (text.length < GZIP_BYTES_MIN) return { success: true, snapshot: { body: text, encoding: null } };
  return { success: true, snapshot: { body: await gzipAsync(text), encoding: 'gzip' } };
}

const tooLarge = (what: string): { success: false; reason: string } => ({
  success: false,
  reason: `this engine has ${what}`,
});
