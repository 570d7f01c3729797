import type { SyncSummary } from '@muster/contracts';
import type { EngineReading } from '../engine/engine-poller.js';
import type { MusterClient } from '../muster/client.js';
import type { Session, SessionAnswer } from '../muster/session.js';
import type { ReportedIds } from './reported-ids.js';
import { snapshotParts } from './snapshot-parts.js';
import type { SnapshotStream } from './snapshot-stream.js';

/**
 * Sends a complete snapshot in one request. Sends an incomplete snapshot in as many requests as are needed to list all
 * removed containers. Updates `reportedIds` after each request that the API has applied. Returns the answer to the last
 * request that was sent.
 */
export async function postSnapshot(
  {
    client,
    stream,
    reportedIds,
    call,
  }: { client: MusterClient; stream: SnapshotStream; reportedIds: ReportedIds; call: Session['call'] },
  reading: EngineReading,
  isComplete: boolean,
  signal: AbortSignal,
): Promise<SessionAnswer<SyncSummary>> {
  const removed = isComplete ? [] : reportedIds.findRemoved(reading.presentIds);
  const parts = snapshotParts(reading.snapshot, isComplete, removed);
  // The sequence numbers are assigned now, so that changes recorded while the parts are sent come after all parts.
  const ordered = parts.map((part) => ({ part, order: stream.next(reading.observedAt) }));
  const ids = reading.containers.map(({ dockerId }) => dockerId);
  for (const { part, order } of ordered) {
    const answer = await call((token) => client.postSnapshot(token, part, order, signal), reading.facts, signal);
    const isLast = part === parts.at(-1);
    const isApplied = answer.kind === 'ok' && answer.data.applied;
    if (isApplied && isComplete) await reportedIds.replace(ids);
    else if (isApplied) await reportedIds.update(isLast ? ids : [], part.removedIds);
    if (isLast || !isApplied) return answer;
  }
  throw new TypeError('a snapshot must have at least one part');
}
