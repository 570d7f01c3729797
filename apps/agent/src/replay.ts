import { encodeSnapshot } from './encode-snapshot.js';
import type { JournalEntry } from './journal.js';
import type { MusterClient } from './muster/client.js';

/** The call that tells the API of a journal's entry, under the entry's own place in the order. */
export async function replayOf(client: MusterClient, entry: JournalEntry, signal: AbortSignal) {
  const { stream, sequence, observedAt, containers, goneIds } = entry;
  const encoded = await encodeSnapshot(containers);
  // It is a part of a snapshot that was within the limits.
  if (!encoded.success) throw new TypeError(encoded.reason);
  const order = { stream, sequence, observedAt: new Date(observedAt) };
  const partial = { snapshot: encoded.snapshot, goneIds };
  return (token: string) => client.postPartialSnapshot(token, partial, order, signal);
}
