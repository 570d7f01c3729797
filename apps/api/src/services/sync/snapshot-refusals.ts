import type { Database } from '@muster/db';
import { BodyTooLargeError, InvalidRequestError } from '../../errors.js';
import { recordSnapshotRefused } from './record-snapshot-refused.sql.js';

/** Maximum length of a stored refusal reason, in characters. */
const REASON_LENGTH_MAX = 1_024;

export interface SnapshotRefusalRecorder {
  /**
   * Records on the host that a snapshot was refused because of its content, together with the reason. Ignores other
   * errors, and snapshots of a superseded stream (`stream` is null if unknown). Never throws, because the agent must
   * receive the refusal whether or not it could be recorded.
   */
  record(hostId: string, stream: string | null, error: unknown): Promise<void>;
}

/** Creates the recorder of refusals. Calls `logFailure` with the error if a refusal could not be recorded. */
export function createSnapshotRefusalRecorder(
  db: Database,
  { now, logFailure }: { now: () => Date; logFailure: (error: unknown) => void },
): SnapshotRefusalRecorder {
  return {
    async record(hostId, stream, error) {
      const reason = reasonOf(error);
      if (reason === null) return;
      try {
        // A reason may contain a label's key, and the key may contain NUL, which PostgreSQL cannot store.
        const stored = reason.slice(0, REASON_LENGTH_MAX).replaceAll('\0', '\uFFFD').toWellFormed();
        await recordSnapshotRefused(db, { hostId, stream, reason: stored, at: now() });
      } catch (failure) {
        logFailure(failure);
      }
    },
  };
}

/**
 * Returns the public message of a refusal and the first field that it names; null for other errors. The text contains
 * no value of the snapshot.
 */
function reasonOf(error: unknown): string | null {
  if (error instanceof BodyTooLargeError) return error.message;
  if (!(error instanceof InvalidRequestError)) return null;
  const [first, ...others] = error.errors;
  if (first === undefined) return error.message;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  return `${first.path === '' ? 'The snapshot' : first.path} ${first.message}${more}`;
}
