import type { Database } from '@muster/db';
import { BodyTooLargeError, InvalidRequestError } from '../../errors.js';
import { recordSnapshotRefused } from './record-snapshot-refused.sql.js';

/** Characters of a refusal's reason that are stored. */
const REASON_LENGTH_MAX = 1_024;

export interface SnapshotRefusals {
  /**
   * Records on the host that its snapshot was refused for what it contains, and why; other errors say nothing of the
   * snapshot and are ignored, as is a snapshot of a stream (null: unknown) that was superseded. Never throws: the agent
   * receives the refusal whether or not it could be recorded.
   */
  record(hostId: string, stream: string | null, error: unknown): Promise<void>;
}

/** `logFailure` receives the error of a refusal that could not be recorded. */
export function createSnapshotRefusals(
  db: Database,
  { now, logFailure }: { now: () => Date; logFailure: (error: unknown) => void },
): SnapshotRefusals {
  return {
    async record(hostId, stream, error) {
      const reason = reasonOf(error);
      if (reason === null) return;
      try {
        // A reason names fields, and a label's key may hold anything: PostgreSQL stores no NUL.
        const stored = reason.slice(0, REASON_LENGTH_MAX).replaceAll('\0', '\uFFFD').toWellFormed();
        await recordSnapshotRefused(db, { hostId, stream, reason: stored, at: now() });
      } catch (failure) {
        logFailure(failure);
      }
    },
  };
}

/** The public sentence of a refusal, with the first field that it names. No value of the snapshot is in it. */
function reasonOf(error: unknown): string | null {
  if (error instanceof BodyTooLargeError) return error.message;
  if (!(error instanceof InvalidRequestError)) return null;
  const [first, ...others] = error.errors;
  if (first === undefined) return error.message;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  return `${first.path === '' ? 'The snapshot' : first.path} ${first.message}${more}`;
}
