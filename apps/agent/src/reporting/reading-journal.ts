import type { EngineReading } from '../engine/engine-poller.js';
import type { Journal } from './journal.js';
import type { SnapshotStream } from './snapshot-stream.js';

/** Writes readings of the engine to the journal, in the order in which they were taken. */
export interface ReadingJournal {
  /** Records that the reading's snapshot is in flight. */
  recordSent(reading: EngineReading): void;
  /** Records that the API has answered the snapshot in flight. */
  recordAnswered(): void;
  /**
   * Writes the reading whose snapshot is in flight to the journal, because the API's answer may never arrive. Call it
   * before any newer change is recorded. If the API did receive the snapshot, sending the reading again changes
   * nothing.
   */
  recordUnanswered(): Promise<void>;
  /** Writes a reading that cannot be sent now to the journal, after the reading whose snapshot is in flight. */
  record(reading: EngineReading): Promise<void>;
}

export function createReadingJournal(
  journal: Pick<Journal, 'record'>,
  stream: Pick<SnapshotStream, 'next'>,
): ReadingJournal {
  /** The reading whose snapshot is in flight; null once the API has answered or the journal contains the reading. */
  let unanswered: EngineReading | null = null;

  const write = ({ containers, presentIds, observedAt }: EngineReading): Promise<void> =>
    journal.record(containers, () => stream.next(observedAt), presentIds);

  async function recordUnanswered(): Promise<void> {
    if (unanswered === null) return;
    const reading = unanswered;
    unanswered = null;
    await write(reading);
  }

  return {
    recordSent(reading) {
      unanswered = reading;
    },
    recordAnswered() {
      unanswered = null;
    },
    recordUnanswered,
    async record(reading) {
      await recordUnanswered();
      await write(reading);
    },
  };
}
