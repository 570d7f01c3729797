import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemTypes, type EnrollResponse, type ProblemType } from '@muster/contracts';
import type { Logger } from 'pino';
import { SERVER_BACKOFF, retryDelayMs } from '../lib/backoff.js';
import type { MachineFacts } from '../engine/identity.js';
import { ExitCodes, StopError } from '../exit.js';
import type { AgentState, Enrollment, StateStore } from '../state/state-store.js';
import { AGENT_VERSION } from '../version.js';
import type { Answer, MusterClient } from './client.js';

/**
 * What came of a call with a host's token. `dismissed`: the API knows neither the token nor the one before it, or
 * deleted the host, and enrolling is not possible. The state is kept, for the answer may come from a wrong or restored
 * server; the caller asks again after `askAgainMs`.
 */
export type SessionAnswer<T> = Answer<T> | { kind: 'dismissed'; reason: string; askAgainMs: number };

/** An agent's enrollment with one API: its tokens, and how it gets them. */
export interface Session {
  isEnrolled(): boolean;
  /**
   * Makes a call with this host's token. Enrolls first if there is none. If the API refuses the token, tries the token
   * before it, and then enrolls again with the enrollment token, if there is one. An answer to enrolling that may
   * succeed later becomes the call's own. Throws `StopError` only for a machine that was never enrolled and cannot be.
   */
  call<T>(
    request: (agentToken: string) => Promise<Answer<T>>,
    facts: MachineFacts | null,
    signal: AbortSignal,
  ): Promise<SessionAnswer<T>>;
  /** Records whether another run of an agent has taken this host's place, so that leaving does not end that one. */
  recordSuperseded(isSuperseded: boolean): Promise<void>;
  /**
   * Has the API revoke this host's tokens and forgets them; one that another run superseded only forgets them. Throws
   * `StopError` if the API could not be asked.
   */
  leave(signal: AbortSignal): Promise<'revoked' | 'forgotten'>;
  /** The host and its token's age, for people; null if this machine is not enrolled. */
  enrollment(): Pick<Enrollment, 'musterUrl' | 'hostId' | 'issuedAt'> | null;
}

/** How long the session waits, in milliseconds. */
export interface SessionWaits {
  /** Between two questions after a dismissal: from `min` at first, and never more than `max`. */
  dismissed: { min: number; max: number };
  /** For a host with this machine's identity that was alive a moment ago: at most, and if the API names no time. */
  identity: { max: number; unnamed: number };
}

/** DESIGN.md, Enrollment and End of life. An API that names no time takes a host for alive for 5 minutes. */
export const SESSION_WAITS_DEFAULT: SessionWaits = {
  dismissed: { min: 600_000, max: 3_600_000 },
  identity: { max: 900_000, unnamed: 330_000 },
};

export interface SessionOptions {
  client: MusterClient;
  musterUrl: string;
  enrollToken: string | null;
  store: StateStore;
  /** What `store` held when it was opened. */
  state: AgentState;
  /** Days after which the token is replaced; 0: never. */
  tokenDays: number;
  wallNow: () => Date;
  /** In [0, 1): spreads the rotations of a fleet that was enrolled in one go, and its questions after a dismissal. */
  random: () => number;
  log: Logger;
  waits?: SessionWaits;
  /** True if an operator asked to enroll: then also with the token of a host that was deleted. */
  isEnrollCommand?: boolean;
}

/** How long to wait after a rotation that failed. The present token goes on working, so there is no hurry. */
const ROTATION_RETRY_MS = 3_600_000;

const DAY_MS = 86_400_000;

/** How long the token before the present one is kept: a database that is restored from a backup knows that one only. */
const PREVIOUS_TOKEN_MS = 30 * DAY_MS;

/** A `Retry-After` below this is the rest of a grace period that was waited for; above, the host was seen again. */
const REST_OF_GRACE_MS = 5_000;

/** A session on the state that was kept. Throws `StopError` if that state forbids one. */
export function createSession(options: SessionOptions): Session {
  const { client, musterUrl, enrollToken, store, wallNow, random, log, waits = SESSION_WAITS_DEFAULT } = options;
  let state = stateFor(musterUrl, enrollToken, options.state);
  /** A token of unknown age is taken for one of this run's beginning. */
  const beganAt = wallNow().getTime();
  const tokenAgeMaxMs = options.tokenDays * DAY_MS * (1 - 0.1 * random());
  let rotationNotBefore = 0;
  let dismissals = 0;

  async function save(next: AgentState): Promise<void> {
    await store.save(next);
    state = next;
  }

  /** Like `save`, but a full disk stops no report: the state in memory serves as well. */
  async function saveIfPossible(next: AgentState): Promise<boolean> {
    try {
      await save(next);
      return true;
    } catch (error) {
      log.error({ reason: (error as Error).message }, 'the state could not be written');
      return false;
    }
  }

  async function saveOrKeepInMemory(next: AgentState): Promise<void> {
    if (!(await saveIfPossible(next))) state = next;
  }

  async function enroll(token: string, facts: MachineFacts, signal: AbortSignal): Promise<Answer<EnrollResponse>> {
    const engineId = state.identity ?? facts.engineId ?? (await makeUpIdentity());
    let answer = await enrollAs(engineId, token, facts, signal);
    if (isRefusal(answer, ProblemTypes.engineIdInUse)) {
      log.warn({ engineId }, 'another live host has this identity (a cloned machine?): enrolling with a random one');
      answer = await client.enroll(token, { ...enrollFacts(facts), engineId: await makeUpIdentity() }, signal);
    }
    if (answer.kind === 'ok') {
      const { hostId, agentToken } = answer.data;
      const enrolled = { musterUrl, hostId, agentToken, issuedAt: wallNow().toISOString(), previousToken: null };
      const enrolledWith = sha256(token);
      const enrollment: Enrollment = { ...enrolled, acceptedAt: null, enrolledWith, isSuperseded: false };
      await save({ ...state, enrollment, retiredEnrollToken: null });
      log.info({ hostId, musterUrl }, 'enrolled');
    }
    return answer;
  }

  /**
   * Enrolls with an identity. While the API says that a live host has it, waits for as long as that may be this very
   * machine before it was re-installed: until the grace period that the API names has passed without a sign of the host.
   */
  async function enrollAs(engineId: string, token: string, facts: MachineFacts, signal: AbortSignal) {
    const since = performance.now();
    let graceMs: number | null = null;
    for (let tries = 1; ; tries++) {
      const answer = await client.enroll(token, { ...enrollFacts(facts), engineId }, signal);
      if (!isRefusal(answer, ProblemTypes.engineIdInUse)) return answer;
      const { retryAfterMs } = answer;
      graceMs ??= Math.min(retryAfterMs ?? waits.identity.unnamed, waits.identity.max);
      const waitedMs = performance.now() - since;
      const isSeenAgain = waitedMs >= graceMs && (retryAfterMs === null || retryAfterMs > REST_OF_GRACE_MS);
      const leftMs = waits.identity.max - waitedMs;
      if (isSeenAgain || leftMs <= 0) return answer;
      const delayMs = Math.min(leftMs, retryDelayMs(tries, retryAfterMs, random(), SERVER_BACKOFF));
      const about = { engineId, retryInMs: Math.round(delayMs) };
      log.warn(about, 'a host with this machine’s identity was alive a moment ago: trying again when that has passed');
      await sleep(delayMs, undefined, { signal });
    }
  }

  /** Saved before it is used, so that an enrollment whose answer was lost is repeated as the same host. */
  async function makeUpIdentity(): Promise<string> {
    const identity = `agent-${randomUUID()}`;
    await save({ ...state, identity });
    return identity;
  }

  /** Whether the API has taken the present token at least once: until then the one before it is the good one. */
  const isAccepted = ({ acceptedAt, previousToken }: Enrollment): boolean =>
    acceptedAt !== null || previousToken === null;

  /**
   * Replaces a token that is old enough. The new one is on the disk before it is used, and the old one beside it: if the
   * new one is lost on the way, or with a database that is restored from a backup, the old one is good.
   */
  async function rotateIfDue(signal: AbortSignal): Promise<void> {
    const { enrollment } = state;
    const nowMs = wallNow().getTime();
    if (enrollment === null || tokenAgeMaxMs === 0 || !isAccepted(enrollment)) return;
    const issuedMs = enrollment.issuedAt === null ? beganAt : Date.parse(enrollment.issuedAt);
    if (nowMs - issuedMs < tokenAgeMaxMs || nowMs < rotationNotBefore) return;
    rotationNotBefore = nowMs + ROTATION_RETRY_MS;
    const answer = await client.rotate(enrollment.agentToken, signal);
    if (answer.kind !== 'ok') {
      log.warn({ reason: answer.reason }, 'the token could not be rotated; the present one goes on');
      return;
    }
    const { agentToken } = answer.data;
    const issuedAt = new Date(nowMs).toISOString();
    const rotated = { ...enrollment, agentToken, issuedAt, acceptedAt: null, previousToken: enrollment.agentToken };
    // Not written, it is not used either, and dies by itself.
    if (await saveIfPossible({ ...state, enrollment: rotated })) log.info('token rotated');
  }

  /** The API took a token: the present one, or the one before it, which is then the present one again. */
  async function recordAccepted(enrollment: Enrollment, token: string): Promise<void> {
    dismissals = 0;
    const { agentToken, previousToken, acceptedAt } = enrollment;
    const nowMs = wallNow().getTime();
    if (token !== agentToken) {
      log.warn('the API does not know the newer of two tokens (was it restored from a backup?): using the one before');
      // The newer one is kept in turn: the answers may have come from different servers.
      const swapped = { ...enrollment, agentToken: token, previousToken: agentToken };
      await saveOrKeepInMemory({ ...state, enrollment: { ...swapped, acceptedAt: new Date(nowMs).toISOString() } });
    } else if (previousToken !== null && acceptedAt === null) {
      const accepted = { ...enrollment, acceptedAt: new Date(nowMs).toISOString() };
      await saveOrKeepInMemory({ ...state, enrollment: accepted });
    } else if (previousToken !== null && nowMs - Date.parse(acceptedAt!) > PREVIOUS_TOKEN_MS) {
      await saveOrKeepInMemory({ ...state, enrollment: { ...enrollment, previousToken: null } });
    }
  }

  /** Makes the call with the present token and, if that is refused, with the one before it. */
  async function callEnrolled<T>(
    enrollment: Enrollment,
    request: (agentToken: string) => Promise<Answer<T>>,
  ): Promise<Answer<T>> {
    const { agentToken, previousToken } = enrollment;
    const answer = await request(agentToken);
    if (answer.kind === 'ok') await recordAccepted(enrollment, agentToken);
    if (!isDismissal(answer) || previousToken === null) return answer;
    const second = await request(previousToken);
    if (second.kind === 'ok') await recordAccepted(enrollment, previousToken);
    // A deleted host is the more telling answer of the two.
    return isDismissal(second) ? answer : second;
  }

  /** The enrollment token, if it may be used: not again after an operator has deleted the host that it made. */
  function usableEnrollToken(refusal: Answer<unknown>): string | null {
    if (enrollToken === null || state.enrollment === null || options.isEnrollCommand === true) return enrollToken;
    const isSpent = sha256(enrollToken) === (state.enrollment.enrolledWith ?? sha256(enrollToken));
    return isRefusal(refusal, ProblemTypes.hostDeleted) && isSpent ? null : enrollToken;
  }

  function dismissed(why: string): SessionAnswer<never> {
    const { min, max } = waits.dismissed;
    const ceilingMs = Math.min(max, min * 2 ** Math.min(++dismissals, 10));
    const askAgainMs = ceilingMs / 2 + random() * (ceilingMs / 2);
    return { kind: 'dismissed', reason: why, askAgainMs };
  }

  return {
    isEnrolled: () => state.enrollment !== null,
    enrollment: () => state.enrollment,
    async call(request, facts, signal) {
      if (state.enrollment !== null) {
        const answer = await callEnrolled(state.enrollment, request);
        if (!isDismissal(answer)) {
          if (answer.kind === 'ok') await rotateIfDue(signal);
          return answer;
        }
        const token = usableEnrollToken(answer);
        if (token === null) return dismissed(describeDismissal(answer));
        if (facts === null) {
          const reason = 'the token is dead, and the engine does not answer';
          return { kind: 'retry', status: null, reason, retryAfterMs: null };
        }
        log.warn({ reason: answer.reason }, 'the API refuses this host’s token: enrolling again');
      }
      if (enrollToken === null) throw new StopError(NOT_ENROLLED, ExitCodes.usage);
      if (facts === null) throw new TypeError('enrolling takes the facts of the machine');
      const enrolled = await enroll(enrollToken, facts, signal);
      if (enrolled.kind === 'refused') {
        if (enrolled.problemType === ProblemTypes.tokenInvalid) return dismissed(ENROLL_TOKEN_REFUSED);
        const reason = `the API will not enroll this machine: ${enrolled.reason}`;
        if (state.enrollment !== null) return dismissed(reason);
        throw new StopError(reason, ExitCodes.failed);
      }
      if (enrolled.kind !== 'ok') return enrolled;
      const first = await callEnrolled(state.enrollment!, request);
      return isDismissal(first) ? dismissed('the API refuses the token that it has just issued') : first;
    },
    async recordSuperseded(isSuperseded) {
      const { enrollment } = state;
      if (enrollment === null || enrollment.isSuperseded === isSuperseded) return;
      await saveOrKeepInMemory({ ...state, enrollment: { ...enrollment, isSuperseded } });
    },
    async leave(signal) {
      const { enrollment } = state;
      if (enrollment === null || enrollment.isSuperseded) {
        await save({ ...state, enrollment: null });
        return 'forgotten';
      }
      const answer = await callEnrolled(enrollment, (token) => client.leave(token, signal));
      // A token that is dead already has left before, or was made to.
      if (answer.kind !== 'ok' && !isDismissal(answer)) {
        throw new StopError(`the API could not be asked: ${answer.reason}`, ExitCodes.failed);
      }
      await save({ ...state, enrollment: null });
      return answer.kind === 'ok' ? 'revoked' : 'forgotten';
    },
  };
}

const NOT_ENROLLED = 'this machine is not enrolled: set MUSTER_ENROLL_TOKEN';

/** What of the kept state holds for this API: a token is sent nowhere but where it came from. */
function stateFor(musterUrl: string, enrollToken: string | null, state: AgentState): AgentState {
  if (state.enrollment === null) {
    // Written by a release that forgot the token of a deleted host.
    if (enrollToken !== null && sha256(enrollToken) === state.retiredEnrollToken) {
      throw new StopError(`${DELETED}: ${ENROLL_AGAIN}`, ExitCodes.usage);
    }
    return state;
  }
  if (state.enrollment.musterUrl === musterUrl) return state;
  if (enrollToken !== null) return { ...state, enrollment: null };
  throw new StopError(
    `this machine is enrolled with ${state.enrollment.musterUrl}, not with ${musterUrl}: ` +
      'set MUSTER_ENROLL_TOKEN to enrol it there, or another MUSTER_STATE_DIR to keep both',
    ExitCodes.usage,
  );
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const enrollFacts = ({ name, engine, os, arch }: MachineFacts) => ({
  name,
  engine,
  os,
  arch,
  agentVersion: AGENT_VERSION,
});

type Refusal = Answer<never> & { kind: 'refused' };

const isRefusal = (answer: Answer<unknown>, type: ProblemType): answer is Refusal =>
  answer.kind === 'refused' && answer.problemType === type;

/** Whether the API wants no more calls with this token. */
const isDismissal = (answer: Answer<unknown>): answer is Refusal =>
  isRefusal(answer, ProblemTypes.tokenInvalid) || isRefusal(answer, ProblemTypes.hostDeleted);

const ENROLL_TOKEN_REFUSED =
  'the API refuses MUSTER_ENROLL_TOKEN: it is expired, revoked or used up, or of another server';
const DELETED = 'this host was deleted in Muster';
const ENROLL_AGAIN = 'to bring this machine back, give it a new enrollment token (MUSTER_ENROLL_TOKEN)';

const describeDismissal = (answer: Refusal): string =>
  isRefusal(answer, ProblemTypes.hostDeleted)
    ? `${DELETED}; ${ENROLL_AGAIN}`
    : 'the API does not know this host’s token: it was revoked, or this is another server, or one that was restored ' +
      'from a backup of before the enrollment; MUSTER_ENROLL_TOKEN enrolls again';
