import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MUSTER_VERSION, ProblemTypes, type EnrollResponse } from '@muster/contracts';
import type { Logger } from 'pino';
import type { MachineFacts } from '../engine/identity.js';
import { SERVER_BACKOFF, retryDelayMs } from '../lib/backoff.js';
import type { AgentState, Enrollment } from '../state/state-store.js';
import type { Answer, MusterClient } from './client.js';
import { offersPortRanges } from './features.js';
import { isRefusal } from './refusals.js';
import { hashEnrollToken } from './state-for-server.js';

/**
 * Tolerance for the end of the grace period (`GracePeriod`), in milliseconds. After the whole grace
 * period, a `Retry-After` longer than this shows that the host with this machine's identity has reported again.
 */
const GRACE_TOLERANCE_MS = 5_000;

/** How long an enrollment waits if a host with this machine's identity might still be alive, in milliseconds. */
export interface GracePeriod {
  /** The period if the API states none in `Retry-After`. */
  defaultMs: number;
  maxMs: number;
}

/** The agent's state, and the function that replaces it. Throws if it cannot be written. */
interface StoredState {
  current(): AgentState;
  save(next: AgentState): Promise<void>;
}

export interface EnrollingOptions {
  client: Pick<MusterClient, 'enroll'>;
  musterUrl: string;
  state: StoredState;
  gracePeriod: GracePeriod;
  wallNow: () => Date;
  random: () => number;
  log: Logger;
}

/**
 * Creates a function that enrolls this machine with an enrollment token, and stores the token that the API issues.
 * Throws if the state cannot be written.
 */
export function createEnrolling({ client, musterUrl, state, gracePeriod, wallNow, random, log }: EnrollingOptions) {
  async function enroll(token: string, facts: MachineFacts, signal: AbortSignal): Promise<Answer<EnrollResponse>> {
    // Check that the state can be written before the API issues a token. On a full disk, the token would be lost.
    await state.save(state.current());
    const engineId = state.current().identity ?? facts.engineId ?? (await createRandomIdentity());
    let answer = await enrollAs(engineId, token, facts, signal);
    if (isRefusal(answer, ProblemTypes.engineIdInUse)) {
      log.warn({ engineId }, 'another live host uses this identity (a cloned machine?): enrolling with a random one');
      answer = await client.enroll(token, { ...enrollFacts(facts), engineId: await createRandomIdentity() }, signal);
    }
    if (answer.kind === 'ok') {
      const { hostId, agentToken } = answer.data;
      const enrolled = { musterUrl, hostId, agentToken, issuedAt: wallNow().toISOString(), previousToken: null };
      const enrolledWith = hashEnrollToken(token);
      const acceptsPortRanges = offersPortRanges(answer.data);
      const initial = { acceptedAt: null, enrolledWith, isSuperseded: false, acceptsPortRanges };
      const enrollment: Enrollment = { ...enrolled, ...initial };
      await state.save({ ...state.current(), enrollment, retiredEnrollToken: null });
      log.info({ hostId, musterUrl }, 'enrolled');
    }
    return answer;
  }

  /**
   * Enrolls with the identity `engineId`. If the API answers that a live host uses this identity, there are two
   * possibilities. Either the host is another machine, or it is an earlier installation of this machine. The function
   * therefore waits for the grace period. If the host reports again during that time, it is another machine. The
   * function adds up its delays instead of measuring the time. A measured time would include the response times of the
   * API, and timers can fire early in a busy process.
   */
  async function enrollAs(engineId: string, token: string, facts: MachineFacts, signal: AbortSignal) {
    let waitedMs = 0;
    let graceMs: number | null = null;
    for (let tries = 1; ; tries++) {
      const answer = await client.enroll(token, { ...enrollFacts(facts), engineId }, signal);
      if (!isRefusal(answer, ProblemTypes.engineIdInUse)) return answer;
      const { retryAfterMs } = answer;
      graceMs ??= Math.min(retryAfterMs ?? gracePeriod.defaultMs, gracePeriod.maxMs);
      const hasReportedAgain = waitedMs >= graceMs && (retryAfterMs === null || retryAfterMs > GRACE_TOLERANCE_MS);
      const remainingMs = gracePeriod.maxMs - waitedMs;
      if (hasReportedAgain || remainingMs <= 0) return answer;
      const delayMs = Math.min(remainingMs, retryDelayMs(tries, retryAfterMs, random(), SERVER_BACKOFF));
      const details = { engineId, retryInMs: Math.round(delayMs) };
      log.warn(details, 'a host with this machine’s identity was seen recently: checking whether it is alive');
      await sleep(delayMs, undefined, { signal });
      waitedMs += delayMs;
    }
  }

  /**
   * Generates an identity and saves it before use. If the answer to an enrollment is lost, the next attempt therefore
   * enrolls the same host.
   */
  async function createRandomIdentity(): Promise<string> {
    const identity = `agent-${randomUUID()}`;
    await state.save({ ...state.current(), identity });
    return identity;
  }

  return enroll;
}

const enrollFacts = ({ name, engine, os, arch, reported }: MachineFacts) => ({
  name,
  engine,
  os,
  arch,
  agentVersion: MUSTER_VERSION,
  facts: reported,
});
