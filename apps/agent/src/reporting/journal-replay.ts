import type { SyncSummary } from '@muster/contracts';
import { encodeSnapshot } from './encode-snapshot.js';
import type { Journal, JournalEntry } from './journal.js';
import type { MusterClient } from '../muster/client.js';
import { isFailedCall, type FailedAnswer, type SessionAnswer } from '../muster/session.js';

/** Returns a function that sends a journal entry with a given token, and with the entry's own stream and sequence. */
export async function createReplayCall(
  client: MusterClient,
  entry: JournalEntry,
  portRanges: boolean,
  signal: AbortSignal,
) {
  const { stream, sequence, observedAt, containers, goneIds: removedIds } = entry;
  // An entry is part of a snapshot that was within the limits, so all its containers are encoded.
  const { snapshot } = await encodeSnapshot(containers, { portRanges });
  const order = { stream, sequence, observedAt: new Date(observedAt) };
  return (token: string) => client.postSnapshot(token, { snapshot, isComplete: false, removedIds }, order, signal);
}

/**
 * Sends the journal's entries, oldest first, and drops each entry that the API has answered. Returns the answer to the
 * first call that failed, or null once the journal is empty.
 */
export async function replayJournal(
  journal: Journal,
  {
    send,
    recordSent,
  }: {
    /** `mayJournalGrow`: whether changes may be added to the journal during the call. */
    send: (entry: JournalEntry, mayJournalGrow: boolean) => Promise<SessionAnswer<SyncSummary>>;
    recordSent: (entry: JournalEntry, answer: Exclude<SessionAnswer<SyncSummary>, FailedAnswer>) => Promise<void>;
  },
): Promise<FailedAnswer | null> {
  const initialSize = journal.size();
  for (let sent = 0, entry = journal.first(); entry !== null; sent++, entry = journal.first()) {
    // The journal must shrink by at least one entry for every two entries sent. Otherwise, continuous changes and slow
    // answers could keep the replay from ever finishing.
    const mayJournalGrow = journal.size() <= initialSize - sent / 2;
    const answer = await send(entry, mayJournalGrow);
    if (isFailedCall(answer)) return answer;
    await recordSent(entry, answer);
    await journal.drop(entry);
  }
  return null;
}
