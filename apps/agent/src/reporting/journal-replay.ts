import { encodeSnapshot } from './encode-snapshot.js';
import type { JournalEntry } from './journal.js';
import type { MusterClient } from '../muster/client.js';

/** The call that reports a journal's entry, under the entry's own place in the order. */
export async function replayOf(client: MusterClient, entry: JournalEntry, signal: AbortSignal) {
  const { stream, sequence, observedAt, containers, goneIds } = entry;
  // It is a part of a snapshot that was within the limits, so that all of it is encoded.
  const { snapshot } = await encodeSnapshot(containers);
  const order = { stream, sequence, observedAt: new Date(observedAt) };
  return (token: string) => client.postSnapshot(token, { snapshot, isComplete: false, goneIds }, order, signal);
}
