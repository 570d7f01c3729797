import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { SERVER_BACKOFF, retryDelayMs } from './backoff.js';
import { ExitCodes, StopError } from '../exit.js';
import type { MusterClient } from '../muster/client.js';
import type { Session } from '../muster/session.js';
import type { Observer } from '../engine/poll-engine.js';
import type { SnapshotStream } from '../reporting/snapshot-stream.js';

/** Limits on attempts and on the wait between two attempts, because a person waits for the command. */
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

/** Reads the engine once and posts one snapshot. Throws `StopError` if it cannot be read, sent or applied. */
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
    if (answer.kind === 'refused') throw failed(`the API refused the snapshot: ${answer.reason}`);
    if (answer.kind === 'ok') {
      const { applied, reason, received, created, updated, removed, unchanged, hostId } = answer.data;
      if (!applied) throw failed(`the API did not apply the snapshot: ${reason}`);
      log.info({ hostId, received, created, updated, removed, unchanged }, 'snapshot applied');
      return;
    }
    const delayMs = retryDelayMs(tries, answer.retryAfterMs, random(), SERVER_BACKOFF);
    if (tries === TRIES_MAX || delayMs > WAIT_MS_MAX) throw failed(`cannot report to the API: ${answer.reason}`);
    log.warn({ reason: answer.reason, tries, retryInMs: Math.round(delayMs) }, 'the call to the API failed');
    await sleep(delayMs, undefined, { signal });
  }
}

const failed = (message: string): StopError => new StopError(message, ExitCodes.failed);
