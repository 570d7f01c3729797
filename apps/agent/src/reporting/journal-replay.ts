import { encodeSnapshot } from './encode-snapshot.js';
import type { JournalEntry } from './journal.js';
import type { MusterClient } from '../muster/client.js';

/** Returns the call that reports a journal entry, with the entry's own stream and sequence. */
export async function createReplayCall(client: MusterClient, entry: JournalEntry, signal: AbortSignal) {
  const { stream, sequence, observedAt, containers, goneIds: removedIds } = entry;
  // An entry is part of a snapshot that was within the limits, so all its containers are encoded.
  const { snapshot } = await encodeSnapshot(containers);
  const order = { stream, sequence, observedAt: new Date(observedAt) };
  return (token: string) => client.postSnapshot(token, { snapshot, isComplete: false, removedIds }, order, signal);
}
