import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { SERVER_BACKOFF, retryDelayMs } from '../lib/backoff.js';
import { ExitCodes, StopError } from '../exit.js';
import type { MusterClient } from '../muster/client.js';
import type { Session } from '../muster/session.js';
import type { EnginePoller } from '../engine/engine-poller.js';
import { hasPortRange } from './encode-snapshot.js';
import type { SnapshotStream } from './snapshot-stream.js';

/** Maximum number of attempts. It is low because a person waits for the command. */
const ATTEMPTS_MAX = 4;
/** Maximum wait between two attempts, in milliseconds. If a wait would be longer, the command fails. */
const WAIT_MS_MAX = 30_000;

export interface ReportOnceOptions {
  poller: EnginePoller;
  client: MusterClient;
  session: Session;
  stream: SnapshotStream;
  random: () => number;
  log: Logger;
}

/**
 * Reads the engine once and posts one snapshot. Throws `StopError` if the engine cannot be read, or if the snapshot
 * cannot be sent or is not applied.
 */
export async function reportOnce(options: ReportOnceOptions, signal: AbortSignal): Promise<void> {
  const { poller, client, session, stream, random, log } = options;
  for (let tries = 1; ; tries++) {
    const portRanges = session.acceptsPortRanges();
    const result = await poller.poll(portRanges, signal);
    if (result.kind === 'failed') throw failureError(result.fault.message);
    const { snapshot, incompleteness } = result;
    if (incompleteness !== null) log.warn({ reason: incompleteness }, 'not all containers can be reported');
    const order = stream.next(result.observedAt);
    const part = { snapshot, isComplete: incompleteness === null, removedIds: [] };
    const answer = await session.call((token) => client.postSnapshot(token, part, order, signal), result.facts, signal);
    if (answer.kind === 'unauthorized') throw new StopError(answer.reason, ExitCodes.dismissed);
    if (answer.kind === 'refused') throw failureError(`the API refused the snapshot: ${answer.reason}`);
    if (answer.kind === 'ok') {
      const { applied, reason, received, created, updated, removed, unchanged, hostId } = answer.data;
      if (!applied) throw failureError(`the API did not apply the snapshot: ${reason}`);
      log.info({ hostId, received, created, updated, removed, unchanged }, 'snapshot applied');
      // If the API has just begun to accept ranges of ports, the snapshot lacks ports that could be sent as a range.
      const isOutdated = portRanges !== session.acceptsPortRanges() && result.containers.some(hasPortRange);
      if (isOutdated && tries < ATTEMPTS_MAX) continue;
      return;
    }
    const delayMs = retryDelayMs(tries, answer.retryAfterMs, random(), SERVER_BACKOFF);
    if (tries === ATTEMPTS_MAX || delayMs > WAIT_MS_MAX) {
      const failed = session.isEnrolled() ? 'cannot report to the API' : 'this machine cannot be enrolled now';
      throw failureError(`${failed}: ${answer.reason}`);
    }
    const message = session.isEnrolled() ? 'the call to the API failed' : 'this machine cannot be enrolled now';
    log.warn({ reason: answer.reason, tries, retryInMs: Math.round(delayMs) }, message);
    await sleep(delayMs, undefined, { signal });
  }
}

const failureError = (message: string): StopError => new StopError(message, ExitCodes.failed);
