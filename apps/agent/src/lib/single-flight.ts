import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { SERVER_BACKOFF, retryDelayMs } from './backoff.js';
import { ExitCodes, StopError } from '../exit.js';
import type { MusterClient } from '../muster/client.js';
import type { Session } from '../muster/session.js';
import type { Observer } from '../engine/poll-engine.js';
import type { SnapshotStream } from '../reporting/snapshot-stream.js';

/** Tries at an API that says to try again, and the longest wait between two that somebody who waits is put to. */
const TRIES_MAX = 4;
const WAIT_MS_MAX = 30_000;

export interface OnceOptions {
  observer: Observer;
  client: MusterClient;
  session: Session;
  stream: SnapshotStream;
  random: () => number;
  log: Logger;
}

/** One look at the engine, one snapshot. Throws `StopError` where it could not be seen, sent or applied. */
export async function reportOnce(options: OnceOptions, signal: AbortSignal): Promise<void> {
  const { observer, client, session, stream, random, log } = options;
  for (let tries = 1; ; tries++) {
    const seen = await observer.observe(signal);
    if (seen.kind === 'failed') throw failed(seen.fault.message);
    const { snapshot, incompleteness } = seen;
    if (incompleteness !== null) log.warn({ reason: incompleteness }, 'not all containers can be reported');
    const order = stream.next(seen.observedAt);
    const part = { snapshot, isComplete: incompleteness === null, goneIds: [] };
    const answer = await session.call((token) => client.postSnapshot(token, part, order, signal), seen.facts, signal);
    if (answer.kind === 'dismissed') throw new StopError(answer.reason, ExitCodes.dismissed);
    if (answer.kind === 'refused') throw failed(`the API refuses the snapshot: ${answer.reason}`);
    if (answer.kind === 'ok') {
      const { applied, reason, received, created, updated, removed, unchanged, hostId } = answer.data;
      if (!applied) throw failed(`the API did not apply the snapshot: ${reason}`);
      log.info({ hostId, received, created, updated, removed, unchanged }, 'snapshot applied');
      return;
    }
    const delayMs = retryDelayMs(tries, answer.retryAfterMs, random(), SERVER_BACKOFF);
    if (tries === TRIES_MAX || delayMs > WAIT_MS_MAX)
      throw failed(`the API cannot take the snapshot: ${answer.reason}`);
    log.warn({ reason: answer.reason, tries, retryInMs: Math.round(delayMs) }, 'the API cannot take this now');
    await sleep(delayMs, undefined, { signal });
  }
}

const failed = (message: string): StopError => new StopError(message, ExitCodes.failed);
